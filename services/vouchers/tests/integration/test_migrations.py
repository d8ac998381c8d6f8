"""The database the migrations make is the one the code knows."""

from pathlib import Path
from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from fleetwright.database import Database
from vouchers.tables import Tables


def differences(database: Database) -> list[Any]:
    """Return what Alembic would still change, the fleet's own tables aside."""
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection)
        return [
            change
            for change in compare_metadata(context, Tables.metadata)
            if not getattr(change[1], "name", "").startswith("fleet_")
        ]


async def test_migrations_make_the_tables_the_code_knows(tmp_path: Path) -> None:
    """A column added in one place and forgotten in the other is found."""
    database = Database(
        f"sqlite:///{tmp_path}/vouchers.db", migrations="vouchers.migrations"
    )
    await database.migrate()

    assert differences(database) == []
    await database.close()
