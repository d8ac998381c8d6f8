"""The database the migrations make is the one the code knows."""

from pathlib import Path
from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection

from fleetwright.database import AsyncDatabase
from stock.tables import Tables


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
    url = f"sqlite+aiosqlite:///{tmp_path}/stock.db"
    database = AsyncDatabase(url, migrations="stock.migrations")
    await database.migrate()

    async with database.engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await database.close()
