"""A safe SQLite behind SQLAlchemy's async engine, one thread a connection."""

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from math import ceil
from types import ModuleType
from typing import Any, cast

import aiosqlite
from aiosqlite.context import Result
from sqlalchemy import URL, event
from sqlalchemy.dialects.sqlite.aiosqlite import AsyncAdapt_aiosqlite_dbapi
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from fleetwright._deadline import current_deadline
from fleetwright._savepoints import make_cheap
from fleetwright._sqlite import (
    BUSY_SECONDS,
    Synchronous,
    connect,
    is_memory,
    require_writable,
    sqlite_module,
    working,
)

BEGIN = "fleetwright_begin"
BUSY = "fleetwright_busy_ms"
_MOST_MS = round(BUSY_SECONDS * 1000)
_PATIENCE = "pragma busy_timeout"
_STEP_MS = 100  # coarse, so that transactions after each other wait the same
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


class OneHopCursor(aiosqlite.Cursor):
    """A cursor that asks its thread once a statement: rows come with the answer.

    aiosqlite asks for the cursor, the execution, the rows and the closing one by one,
    and each costs two thread switches. All rows are fetched at once, also for a stream:
    an open cursor would pin an old state of the file.
    """

    def __init__(self, connection: aiosqlite.Connection, cursor: Any) -> None:
        """Wrap a cursor of the driver."""
        super().__init__(connection, cursor)
        self._rows: deque[Any] = deque()

    def _run(self, sql: str, parameters: Iterable[Any]) -> deque[Any]:
        self._cursor.execute(sql, parameters)  # type: ignore[arg-type]
        return deque(self._cursor.fetchall() if self._cursor.description else ())

    async def execute(
        self, sql: str, parameters: Iterable[Any] | None = None
    ) -> aiosqlite.Cursor:
        """Run one statement and fetch its rows; a BEGIN that locks nothing waits."""
        if sql == "BEGIN DEFERRED":
            cast(CountedConnection, self._conn).later(sql)
            return self
        self._rows = await self._conn._execute(  # type: ignore[no-untyped-call]
            self._run, sql, parameters or ()
        )
        return self

    async def fetchall(self) -> list[Any]:
        """Return the rows that are left."""
        rows, self._rows = self._rows, deque()
        return list(rows)

    async def fetchmany(self, size: int | None = None) -> list[Any]:
        """Return some of the rows that are left."""
        count = min(len(self._rows), size or self._cursor.arraysize)
        return [self._rows.popleft() for _ in range(count)]

    async def fetchone(self) -> Any:
        """Return the next row, or None."""
        return self._rows.popleft() if self._rows else None

    async def close(self) -> None:
        """Forget the rows; the statement ended with the last of them."""
        self._rows.clear()


class CountedConnection(aiosqlite.Connection):
    """An aiosqlite connection whose operations count as in flight.

    What answers nothing (the beginning of a transaction or savepoint, a savepoint's
    release) waits and goes to the thread with the statement after it.
    """

    def __init__(self, *args: Any) -> None:
        """Wait for nothing yet."""
        super().__init__(*args)
        self._waiting: list[str] = []
        self._patience = _patience(_MOST_MS)  # as `connect` sets it

    def later(self, sql: str) -> None:
        """Run a statement without parameters or answer before the next one."""
        self._waiting.append(sql)

    def waits_for_others(self, ms: int) -> None:
        """Wait that long for other processes, from the next statement on."""
        patience = _patience(ms)
        if patience != self._patience:
            self.later(patience)

    def _caught_up(self, work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        while self._waiting:
            sql = self._waiting[0]
            self._conn.execute(sql)
            del self._waiting[0]  # one that failed is tried again: nothing skips it
            if sql.startswith(_PATIENCE):
                self._patience = sql
        return work(*args, **kwargs)

    async def commit(self) -> None:
        """Commit; nothing to ask where nothing was done."""
        waiting, self._waiting = self._waiting, []
        if "BEGIN DEFERRED" not in waiting:
            await super().commit()

    def cursor(self) -> Any:
        """Return a cursor, without asking the thread for it."""
        return Result(self._one_hop())

    async def _one_hop(self) -> OneHopCursor:
        return OneHopCursor(self, self._conn.cursor())

    async def rollback(self) -> None:
        """Undo what was not committed; nothing to ask where nothing was begun."""
        self._waiting.clear()
        if self._conn.in_transaction:
            await super().rollback()

    _stopping: asyncio.Future[Any] | None = None

    async def _connect(self) -> aiosqlite.Connection:
        with working():
            try:
                return await super()._connect()
            except BaseException:
                # The thread answers once more; the loop must still be there.
                if self._stopping is not None:
                    await self._stopping
                raise

    def stop(self) -> asyncio.Future[Any] | None:
        """Ask the thread to close and end."""
        self._stopping = super().stop()
        return self._stopping

    async def _execute(self, fn: Any, *args: Any, **kwargs: Any) -> Any:
        if self._waiting:
            fn = partial(self._caught_up, fn)
        with working():
            return await super()._execute(fn, *args, **kwargs)  # type: ignore[no-untyped-call]

    async def close(self) -> None:
        """Finish what is queued and close."""
        self._waiting.clear()
        with working():
            await super().close()


class _Module(AsyncAdapt_aiosqlite_dbapi):
    """The DB-API SQLAlchemy sees: aiosqlite's words, the chosen module's errors."""

    def _init_dbapi_attributes(self) -> None:
        super()._init_dbapi_attributes()
        for name in _ERRORS:
            setattr(self, name, getattr(self.sqlite, name))


def _patience(ms: int) -> str:
    return f"{_PATIENCE}={ms}"


def _patience_ms(how: str) -> int:
    """Return how long a transaction that begins like that waits for another process.

    Nobody can cut a thread that waits in SQLite, and who gives up must wait for it: a
    writer waits no longer than its deadline, rounded up so that the deadline tells.
    """
    deadline = current_deadline() if how == "IMMEDIATE" else None
    if deadline is None:
        return _MOST_MS
    left = max(0, ceil(deadline.left() * 1000 / _STEP_MS)) * _STEP_MS
    return min(_MOST_MS, left)


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
        connection = CountedConnection(
            partial(connect, path, synchronous=synchronous), 64
        )
        connection._thread.daemon = True
        return await connection

    engine = create_async_engine(
        url,
        module=_Module(aiosqlite, module),
        async_creator=create,
        hide_parameters=True,
    )

    def begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        how = options.get(BEGIN, "DEFERRED")
        driver = cast(CountedConnection, connection.connection.driver_connection)
        driver.waits_for_others(options.get(BUSY) or _patience_ms(how))
        connection.exec_driver_sql(f"BEGIN {how}")

    event.listen(engine.sync_engine, "begin", begin)
    make_cheap(engine.dialect)
    return engine
