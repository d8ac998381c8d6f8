"""The database the migrations make is the one the code knows."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, select, text

from fleetwright.database import AsyncDatabase
from fleetwright.idempotency import kept_answers
from payments.tables import Tables


def differences(connection: Connection) -> list[Any]:
    """Return what Alembic would still change, the fleet's own tables aside."""
    context = MigrationContext.configure(connection)
    return [
        change
        for change in compare_metadata(context, Tables.metadata)
        if not getattr(change[1], "name", "").startswith("fleet_")
    ]


async def test_migrations_make_the_tables_the_code_knows(tmp_path: Path) -> None:
    """A column added in one place and forgotten in the other is found."""
    url = f"sqlite+aiosqlite:///{tmp_path}/payments.db"
    database = AsyncDatabase(url, migrations="payments.migrations")
    await database.migrate()

    async with database.engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await database.close()


async def test_answers_of_the_last_day_outlive_the_move(tmp_path: Path) -> None:
    """A repetition across the upgrade is answered as before; older keys are new."""
    url = f"sqlite+aiosqlite:///{tmp_path}/payments.db"
    database = AsyncDatabase(url, migrations="payments.migrations")
    await database.migrate("0001")
    young, old = datetime.now(UTC), datetime.now(UTC) - timedelta(hours=25)
    insert = text("insert into answers values (:key, 'f', 201, :body, :at)")
    async with database.transaction() as transaction:
        for key, body, at in (
            ("c-1", '{"id": "1"}', young),
            ("r-1", '{"id": "2", "charge_id": "1"}', young),
            ("c-2", '{"id": "3"}', old),
        ):
            row = {
                "key": key,
                "body": body,
                "at": at.replace(tzinfo=None).isoformat(" "),
            }
            await transaction.execute(insert, row)

    await database.migrate()

    async with database.reading() as session:
        kept = (await session.execute(select(kept_answers))).all()
    await database.close()
    assert [(row.route, row.key, row.status, row.body) for row in kept] == [
        ("POST /v1/charges", "c-1", 201, b'{"id": "1"}'),
        (
            "POST /v1/charges/{charge_id}/refunds",
            "r-1",
            201,
            b'{"id": "2", "charge_id": "1"}',
        ),
    ]
    assert [row.fingerprint for row in kept] == ["", ""]
