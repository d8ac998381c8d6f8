"""Databases of each kind, empty, with the tables a test of events asks for."""

from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager

import pytest
from servers import own_database
from sqlalchemy import Table

from fleetwright.database import AsyncDatabase
from fleetwright.events._tables import ensure


@asynccontextmanager
async def with_tables(
    request: pytest.FixtureRequest, tables: Sequence[Table]
) -> AsyncIterator[AsyncDatabase]:
    """Give a database that nobody else uses.

    Args:
        request: Of a fixture whose parameter is `sqlite` or `postgresql`.
        tables: What is made in it.
    """
    with ExitStack() as stack:
        if request.param == "sqlite":
            url = f"sqlite+aiosqlite:///{request.getfixturevalue('tmp_path')}/own.db"
        else:
            server = request.getfixturevalue("postgres_url")
            url = stack.enter_context(own_database(server))
        database = AsyncDatabase(url)
        try:
            await ensure(database, tables)
            yield database
        finally:
            await database.close()
