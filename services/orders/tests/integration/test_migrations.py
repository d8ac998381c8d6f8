"""The database the migrations make is the one the code knows."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, select, text

from fleetwright.database import AsyncDatabase
from fleetwright.idempotency import kept_answers
from orders.lifecycle import OrderState
from orders.messages import Order
from orders.placing import found
from orders.tables import Tables


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
    url = f"sqlite+aiosqlite:///{tmp_path}/orders.db"
    database = AsyncDatabase(url, migrations="orders.migrations")
    await database.migrate()

    async with database.engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await database.close()


OLD_ROWS = """
insert into orders (id, idempotency_key, fingerprint, reference, country, state,
    total_pence, created_at) values (:id, 'o-1', 'f', '7', 'France', 'paid', 339, :now);
insert into orders (id, idempotency_key, fingerprint, reference, country, state,
    total_pence, created_at) values (:other, 'o-2', 'f', '8', 'Eire', 'paid', 1, :old);
insert into order_lines values (1, 0, '71053', 'LANTERN', 1, 339);
insert into cancellations (id, idempotency_key, fingerprint, reference, answer,
    created_at) values (:id, 'c-1', 'f', 'C7', '{"id": "c"}', :now)
"""


async def test_answers_of_the_last_day_outlive_the_move(tmp_path: Path) -> None:
    """A repetition across the upgrade is answered; orders and lines are still there."""
    url = f"sqlite+aiosqlite:///{tmp_path}/orders.db"
    database = AsyncDatabase(url, migrations="orders.migrations")
    await database.migrate("0001")
    now = datetime.now(UTC).replace(tzinfo=None)
    values = {
        "id": UUID(int=7).hex,
        "other": UUID(int=8).hex,
        "now": now.isoformat(" "),
    }
    values["old"] = (now - timedelta(hours=25)).isoformat(" ")
    async with database.transaction() as transaction:
        for statement in OLD_ROWS.split(";"):
            given = {name: values[name] for name in values if f":{name}" in statement}
            await transaction.execute(text(statement), given)

    await database.migrate()

    async with database.reading() as session:
        kept = (await session.execute(select(kept_answers))).all()
        lines = await session.scalar(text("select count(*) from order_lines"))
        order = await found(session, UUID(int=7))
    await database.close()
    assert {(row.route, row.key, row.status) for row in kept} == {
        ("POST /v1/orders", "o-1", 200),
        ("POST /v1/cancellations", "c-1", 200),
    }
    assert order is not None
    answer = next(row.body for row in kept if row.key == "o-1")
    was = order.model_copy(update={"status": OrderState.ACCEPTED})
    assert Order.model_validate_json(answer) == was
    assert lines == 1
