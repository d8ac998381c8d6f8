"""A safe SQLite behind SQLAlchemy's async engine."""

import sqlite3
from functools import partial
from types import ModuleType
from typing import Any, cast

import aiosqlite
from sqlalchemy import URL, event
from sqlalchemy.dialects.sqlite.aiosqlite import AsyncAdapt_aiosqlite_dbapi
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from fleetwright._savepoints import make_cheap
from fleetwright._sqlite import (
    Synchronous,
    connect,
    is_memory,
    require_writable,
    sqlite_module,
)
from fleetwright._sqlite_driver import DrivenConnection, patience_ms

BEGIN = "fleetwright_begin"
BUSY = "fleetwright_busy_ms"
_ERRORS = (
    "DatabaseError",
    "Error",
    "IntegrityError",
    "NotSupportedError",
    "OperationalError",
    "ProgrammingError",
    "sqlite_version",
    "sqlite_version_info",
)


class _Module(AsyncAdapt_aiosqlite_dbapi):
    """The DB-API SQLAlchemy sees: aiosqlite's words, the chosen module's errors."""

    def _init_dbapi_attributes(self) -> None:
        super()._init_dbapi_attributes()
        for name in _ERRORS:
            setattr(self, name, getattr(self.sqlite, name))


def sqlite_engine(url: URL, *, synchronous: Synchronous = "FULL") -> AsyncEngine:
    """Return an engine on a safe SQLite that begins transactions in plain sight.

    Args:
        url: `sqlite+aiosqlite://` in memory (one shared connection), else a file.
        synchronous: FULL survives a power cut, NORMAL only the death of the process.

    Returns:
        The engine. The execution option `fleetwright_begin` says how a transaction
        begins: DEFERRED (the default) or IMMEDIATE; `fleetwright_busy_ms` how long it
        waits for another process, if not 15 seconds or, where it begins IMMEDIATE,
        until the deadline.

    Raises:
        FleetwrightError: This interpreter has no safe SQLite.
    """
    path = url.database
    module: ModuleType = sqlite3 if is_memory(path) else sqlite_module()

    async def create(*_: Any, **__: Any) -> aiosqlite.Connection:
        if not is_memory(path):
            require_writable(str(path))
        return await DrivenConnection(partial(connect, path, synchronous=synchronous))

    engine = create_async_engine(
        url,
        module=_Module(aiosqlite, module),
        async_creator=create,
        hide_parameters=True,
    )

    def begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        how = options.get(BEGIN, "DEFERRED")
        driver = cast(DrivenConnection, connection.connection.driver_connection)
        driver.waits_for_others(options.get(BUSY) or patience_ms(how))
        connection.exec_driver_sql(f"BEGIN {how}")

    event.listen(engine.sync_engine, "begin", begin)
    make_cheap(engine.dialect)
    return engine
