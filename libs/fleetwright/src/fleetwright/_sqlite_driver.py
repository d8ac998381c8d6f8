"""A connection to SQLite for a loop: what is quick is done at once, what waits is not.

A statement that a thread runs costs a tenth of a millisecond for the way there and
back, many times what SQLite needs for it. So a row that is inserted and a look that
ends soon are done where they are asked for. A commit waits for the disk, a beginning
for another process, and what an update or delete touches is not known before: the
thread of the connection does those.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache, partial
from math import ceil
from typing import Any, Final, cast

import aiosqlite
from aiosqlite.context import Result

from fleetwright._deadline import current_deadline
from fleetwright._sqlite import BUSY_SECONDS, working

_MOST_MS: Final = round(BUSY_SECONDS * 1000)
_STEP_MS: Final = 100  # coarse, so that transactions after each other wait the same
_QUICK_STEPS: Final = 5_000  # of SQLite's machine, some tenths of a millisecond
_QUICK_ROWS: Final = 128  # inserted by one statement
_BUSY, _INTERRUPT = 5, 9  # https://www.sqlite.org/rescode.html
_LOCKS: Final = "BEGIN IMMEDIATE"
_LOCKS_NOTHING: Final = "BEGIN DEFERRED"


@lru_cache(maxsize=1024)
def _is_look(sql: str) -> bool:
    return sql.lstrip()[:7].upper() in ("SELECT ", "SELECT\n")


@lru_cache(maxsize=1024)
def _inserts_rows(sql: str) -> bool:
    words = sql.upper()
    return words.lstrip().startswith("INSERT INTO ") and "SELECT" not in words


class Cursor(aiosqlite.Cursor):
    """A cursor that asks the connection once a statement: rows come with the answer.

    aiosqlite asks its thread for the cursor, the execution, the rows and the closing
    one by one. All rows are fetched at once, also for a stream: an open cursor would
    pin an old state of the file.
    """

    def __init__(self, connection: "DrivenConnection", cursor: Any) -> None:
        """Wrap a cursor of the driver."""
        super().__init__(connection, cursor)
        self._rows: deque[Any] = deque()
        self._driven = connection

    def _run(self, sql: str, parameters: Iterable[Any]) -> deque[Any]:
        # SQLAlchemy gives a sequence, and declares less.
        self._cursor.execute(sql, parameters)  # type: ignore[arg-type]
        return deque(self._cursor.fetchall() if self._cursor.description else ())

    async def execute(
        self, sql: str, parameters: Iterable[Any] | None = None
    ) -> aiosqlite.Cursor:
        """Run one statement and fetch its rows; a BEGIN that locks nothing waits."""
        if sql == _LOCKS_NOTHING:
            self._driven.later(sql)
        else:
            work = partial(self._run, sql, parameters or ())
            self._rows = await self._driven.run(sql, work)
        return self

    async def executemany(
        self, sql: str, parameters: Iterable[Iterable[Any]]
    ) -> aiosqlite.Cursor:
        """Run one statement for each set of parameters."""
        sets = cast(Sequence[Any], parameters)
        work = partial(self._cursor.executemany, sql, sets)
        await self._driven.run(sql, work, sets=len(sets))
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


class DrivenConnection(aiosqlite.Connection):
    """An aiosqlite connection that does what is quick at once.

    What answers nothing (the beginning of a transaction or savepoint, a savepoint's
    release) waits and is done with the statement after it. What the thread works at
    counts as in flight.
    """

    def __init__(self, connector: Callable[[], Any]) -> None:
        """Describe the connection; awaiting it opens it.

        Args:
            connector: Opens the connection of the driver.
        """
        super().__init__(connector, 64)
        self._thread.daemon = True
        self._waiting: list[str] = []
        self._patience_ms = self._set_ms = _MOST_MS  # as `connect` sets it
        self._in_thread: deque[None] = deque()
        self._steps_left = 0
        self._locks = False
        self._only_looks = False
        self._slow: set[str] = set()
        self._stopping: asyncio.Future[Any] | None = None

    def later(self, sql: str) -> None:
        """Run a statement without parameters or answer before the next one."""
        if sql == _LOCKS_NOTHING:
            self._locks, self._only_looks = False, True
        self._waiting.append(sql)

    def waits_for_others(self, ms: int) -> None:
        """Wait that long for other processes, from the next statement on.

        Args:
            ms: How many milliseconds.
        """
        self._patience_ms = ms

    async def run(self, sql: str, work: Callable[[], Any], *, sets: int = 1) -> Any:
        """Run one statement: at once where it is quick, else in the thread.

        Args:
            sql: The statement.
            work: Runs it.
            sets: How many sets of parameters it is run with.

        Returns:
            What `work` returned.
        """
        if sql == _LOCKS:
            self._locks, self._only_looks = True, False
        if self._is_quick(sql, sets):
            try:
                return self._hurried(work, may_end=_is_look(sql))
            except Exception as error:
                code = getattr(error, "sqlite_errorcode", 0) & 0xFF
                if code not in (_BUSY, _INTERRUPT) or _inserts_rows(sql):
                    raise
                if code == _INTERRUPT:
                    self._remember_slow(sql)
        self._only_looks = self._only_looks and _is_look(sql)
        return await self._execute(self._patient, work)

    def _is_quick(self, sql: str, sets: int) -> bool:
        if self._in_thread:  # whoever was cancelled has left it there
            return False
        if _is_look(sql):
            return sql not in self._slow
        if self._locks:
            return sql == _LOCKS or (sets <= _QUICK_ROWS and _inserts_rows(sql))
        return False

    def _hurried(self, work: Callable[[], Any], *, may_end: bool) -> Any:
        self._wait_for_others(0)
        # Counted over all runs of a statement: only the second time tells that this
        # one is long. What writes is never cut: SQLite would undo the transaction.
        self._steps_left = 2 if may_end else 0
        try:
            return self._caught_up(work)
        finally:
            self._steps_left = 0

    def _patient(self, work: Callable[[], Any]) -> Any:
        self._wait_for_others(self._patience_ms)
        return work()

    def _wait_for_others(self, ms: int) -> None:
        if ms != self._set_ms:
            self._conn.execute(f"pragma busy_timeout={ms}")
            self._set_ms = ms

    def _is_too_long(self) -> bool:
        """Tell SQLite to give a look up that was thought to be quick."""
        if not self._steps_left:
            return False
        self._steps_left -= 1
        return not self._steps_left

    def _remember_slow(self, sql: str) -> None:
        if len(self._slow) >= 1024:
            self._slow.clear()
        self._slow.add(sql)

    def _caught_up(self, work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        while self._waiting:
            self._conn.execute(self._waiting[0])
            del self._waiting[0]  # one that failed is tried again: nothing skips it
        return work(*args, **kwargs)

    async def commit(self) -> None:
        """Commit; nothing to wait for where nothing was written."""
        waiting, self._waiting = self._waiting, []
        if _LOCKS_NOTHING in waiting:
            return
        if self._only_looks and not self._in_thread:
            self._conn.commit()
        else:
            await super().commit()

    async def rollback(self) -> None:
        """Undo what was not committed; nothing to do where nothing was begun."""
        self._waiting.clear()
        if self._in_thread:
            await super().rollback()
        elif self._conn.in_transaction:
            self._conn.rollback()

    def cursor(self) -> Any:
        """Return a cursor, without asking the thread for it."""
        return Result(self._new_cursor())

    async def _new_cursor(self) -> Cursor:
        return Cursor(self, self._conn.cursor())

    async def _connect(self) -> aiosqlite.Connection:
        with working():
            try:
                await super()._connect()
            except BaseException:
                # The thread answers once more; the loop must still be there.
                if self._stopping is not None:
                    await self._stopping
                raise
        self._conn.set_progress_handler(self._is_too_long, _QUICK_STEPS)
        return self

    def stop(self) -> asyncio.Future[Any] | None:
        """Ask the thread to close and end."""
        self._stopping = super().stop()
        return self._stopping

    async def _execute(self, fn: Any, *args: Any, **kwargs: Any) -> Any:
        self._in_thread.append(None)
        with working():
            # aiosqlite does not say its type.
            return await super()._execute(  # type: ignore[no-untyped-call]
                self._work, fn, *args, **kwargs
            )

    def _work(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        try:
            return self._caught_up(fn, *args, **kwargs)
        finally:
            self._in_thread.pop()

    async def close(self) -> None:
        """Finish what is queued and close."""
        self._waiting.clear()
        with working():
            await super().close()


def patience_ms(how: str) -> int:
    """Return how long a transaction that begins like that waits for another process.

    Nobody can cut a thread that waits in SQLite, and who gives up must wait for it: a
    writer waits no longer than its deadline, rounded up so that the deadline tells.

    Args:
        how: `DEFERRED` or `IMMEDIATE`.
    """
    deadline = current_deadline() if how == "IMMEDIATE" else None
    if deadline is None:
        return _MOST_MS
    left = max(0, ceil(deadline.left() * 1000 / _STEP_MS)) * _STEP_MS
    return min(_MOST_MS, left)
