"""AsyncDatabase and Database: an engine, transactions in plain sight, migrations."""

import asyncio
import shutil
import tempfile
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, nullcontext
from pathlib import Path

from sqlalchemy import URL, Engine, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import Session

from fleetwright import _sync_engine
from fleetwright._deadline import current_deadline, require_time
from fleetwright._migrate import upgrade
from fleetwright._sqlite import BUSY_SECONDS, Synchronous, is_memory, require_writable
from fleetwright._sqlite_async import BEGIN, sqlite_engine
from fleetwright._sync_engine import in_time
from fleetwright.errors import FleetwrightError

__all__ = ["AsyncDatabase", "Database"]

_ASYNC = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}
_SYNC = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg"}


class AsyncDatabase:
    """A service's own database: SQLite or PostgreSQL.

    A part of a service. Safe to call from several tasks. On SQLite there is one writer
    at a time: the transactions of this process queue fairly for their turn, those of
    other processes are waited for at most 15 seconds.

    Attributes:
        url: Where the database is, as a SQLAlchemy async URL; passwords are masked.
        engine: The SQLAlchemy engine, for what is not offered here.
    """

    def __init__(
        self,
        url: str,
        *,
        migrations: str | None = None,
        synchronous: Synchronous = "FULL",
    ) -> None:
        """Describe the database; nothing is opened yet.

        Args:
            url: `sqlite+aiosqlite:///orders.db`, `sqlite+aiosqlite://` (in memory) or
                `postgresql+asyncpg://...`.
            migrations: The dotted package whose `versions` folder holds the Alembic
                revisions; None for a database without migrations.
            synchronous: SQLite only: FULL survives a power cut, NORMAL only the death
                of the process.

        Raises:
            FleetwrightError: The URL is none of these, or there is no safe SQLite.
        """
        parsed = _parsed(url, _ASYNC)
        self.url = parsed.render_as_string(hide_password=True)
        self._migrations = migrations
        self._is_sqlite = parsed.get_backend_name() == "sqlite"
        self._path = parsed.database
        self._is_memory = self._is_sqlite and is_memory(parsed.database)
        self.engine: AsyncEngine
        if self._is_sqlite:
            self.engine = sqlite_engine(parsed, synchronous=synchronous)
        else:
            self.engine = create_async_engine(parsed, pool_pre_ping=True)
        self._writing = self.engine.execution_options(**{BEGIN: "IMMEDIATE"})
        self._turn = asyncio.Lock()
        self._turn_of: asyncio.Task[object] | None = None

    @property
    def dialect(self) -> str:
        """The kind of database: `sqlite` or `postgresql`."""
        return self.engine.dialect.name

    async def open(self) -> None:
        """Connect once, so that a wrong URL is told at start.

        Raises:
            FleetwrightError: The database cannot be reached or written.
        """
        if self._is_sqlite and not self._is_memory:
            require_writable(str(self._path))
        try:
            await self.check()
        except (OSError, DBAPIError) as error:
            raise FleetwrightError(
                f"the database does not answer: {_cause(error)}",
                where=self.url,
                hint="check DATABASE_URL, and that the database is up",
            ) from error

    async def close(self) -> None:
        """Close all connections; a database in memory is gone."""
        await self.engine.dispose()

    async def check(self) -> None:
        """Ask the database for an answer; raise when there is none."""
        async with self.reading() as session:
            await session.execute(text("select 1"))

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """Open a transaction: committed when the block ends, undone when it raises.

        On SQLite it is `BEGIN IMMEDIATE`: what was read in it cannot change before it
        is written. Keep it short, others wait.

        Yields:
            The session; its objects stay readable after the commit.

        Raises:
            FleetwrightError: This task is in a transaction already, or there was no
                turn to write within 15 seconds.
        """
        async with (
            self._my_turn(),
            AsyncSession(self._writing, expire_on_commit=False) as session,
            session.begin(),
        ):
            if self._is_sqlite:
                await session.connection()  # begin now: `publish` must find it begun
            yield session

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """Open a session that sees one state of the database and writes nothing.

        Yields:
            The session; its objects stay readable after the block.

        Raises:
            FleetwrightError: In memory, where one connection serves all: this task is
                in a transaction already.
        """
        turn = self._my_turn() if self._is_memory else nullcontext()
        async with turn, AsyncSession(self.engine, expire_on_commit=False) as session:
            yield session

    async def migrate(self, revision: str = "head") -> None:
        """Bring the schema to `revision`; nothing to do without `migrations`.

        All or nothing. Two processes that migrate at once do so one after the other.

        Args:
            revision: A revision id, or `head` for the newest.

        Raises:
            FleetwrightError: There is no such package or revision, or the database
                cannot be written.
        """
        if self._migrations is None:
            return
        await self.open()
        async with self._my_turn():
            await upgrade(self.engine, self._migrations, revision)

    @asynccontextmanager
    async def _my_turn(self) -> AsyncIterator[None]:
        if not self._is_sqlite:
            yield
            return
        task = asyncio.current_task()
        if self._turn_of is task:
            raise FleetwrightError(
                "a transaction is open already in this task",
                where=self.url,
                hint="use the session you have, or leave its block first",
            )
        try:
            async with asyncio.timeout(BUSY_SECONDS):
                await self._turn.acquire()
        except TimeoutError:
            raise _no_turn(self.url) from None
        self._turn_of = task
        try:
            yield
        finally:
            self._turn_of = None
            self._turn.release()


class Database:
    """A service's own database for sync code: SQLite or PostgreSQL.

    A part of a service. Safe to call from several threads. What it does heeds the
    deadline of the call: a statement, a wait for a turn to write, and the commit end
    with `DeadlineExceeded` when the time is over. On SQLite there is one writer at a
    time; others wait for their turn for at most 15 seconds.

    Attributes:
        url: Where the database is, as a SQLAlchemy URL; passwords are masked.
        engine: The SQLAlchemy engine, for what is not offered here.
        on_loop: The same database for the async parts of the service.
    """

    def __init__(
        self,
        url: str,
        *,
        migrations: str | None = None,
        synchronous: Synchronous = "FULL",
    ) -> None:
        """Describe the database; nothing is opened yet.

        Args:
            url: `sqlite:///vouchers.db`, `sqlite://` (a file that is deleted when it is
                closed) or `postgresql://...`; an async URL means the same database.
            migrations: The dotted package whose `versions` folder holds the Alembic
                revisions; None for a database without migrations.
            synchronous: SQLite only: FULL survives a power cut, NORMAL only the death
                of the process.

        Raises:
            FleetwrightError: The URL is none of these, or there is no safe SQLite.
        """
        parsed = _parsed(url, _SYNC)
        self._is_sqlite = parsed.get_backend_name() == "sqlite"
        self._folder: str | None = None
        if self._is_sqlite and is_memory(parsed.database):
            self._folder = tempfile.mkdtemp(prefix="fleetwright-")
            parsed = parsed.set(database=str(Path(self._folder) / "memory.db"))
        self.url = parsed.render_as_string(hide_password=True)
        twin = parsed.set(drivername=_ASYNC[parsed.get_backend_name()])
        self.on_loop = AsyncDatabase(
            twin.render_as_string(hide_password=False),
            migrations=migrations,
            synchronous=synchronous,
        )
        self.engine: Engine
        if self._is_sqlite:
            self.engine = _sync_engine.sqlite_engine(parsed, synchronous=synchronous)
        else:
            self.engine = _sync_engine.server_engine(parsed)
        self._writing = self.engine.execution_options(**{BEGIN: "IMMEDIATE"})
        self._turn = threading.Lock()
        self._turn_of: int | None = None

    @property
    def dialect(self) -> str:
        """The kind of database: `sqlite` or `postgresql`."""
        return self.engine.dialect.name

    async def open(self) -> None:
        """Connect once, so that a wrong URL is told at start.

        Raises:
            FleetwrightError: The database cannot be reached or written.
        """
        await self.on_loop.open()
        await asyncio.to_thread(self._ask)

    def _ask(self) -> None:
        with self.reading() as session:
            session.execute(text("select 1"))

    async def close(self) -> None:
        """Close all connections; a database without a name is gone."""
        await self.on_loop.close()
        self.engine.dispose()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    async def check(self) -> None:
        """Ask the database for an answer; raise when there is none."""
        await self.on_loop.check()

    async def migrate(self, revision: str = "head") -> None:
        """Bring the schema to `revision`; nothing to do without `migrations`.

        All or nothing. Two processes that migrate at once do so one after the other.

        Args:
            revision: A revision id, or `head` for the newest.

        Raises:
            FleetwrightError: There is no such package or revision, or the database
                cannot be written.
        """
        await self.on_loop.migrate(revision)

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """Open a transaction: committed when the block ends, undone when it raises.

        On SQLite it is `BEGIN IMMEDIATE`: what was read in it cannot change before it
        is written. Keep it short, others wait.

        Yields:
            The session; its objects stay readable after the commit.

        Raises:
            DeadlineExceeded: The time was over; nothing was committed.
            FleetwrightError: This thread is in a transaction already, or there was no
                turn to write within 15 seconds.
        """
        with (
            in_time(),
            self._my_turn(),
            Session(self._writing, expire_on_commit=False) as session,
            session.begin(),
        ):
            session.connection()  # begin now: `publish` must find it begun
            yield session
            session.flush()
            require_time("commit")

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Open a session that sees one state of the database and writes nothing.

        Yields:
            The session; its objects stay readable after the block.

        Raises:
            DeadlineExceeded: The time was over before the database answered.
        """
        with in_time(), Session(self.engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def _my_turn(self) -> Iterator[None]:
        if not self._is_sqlite:
            yield
            return
        me = threading.get_ident()
        if self._turn_of == me:
            raise FleetwrightError(
                "a transaction is open already in this thread",
                where=self.url,
                hint="use the session you have, or leave its block first",
            )
        deadline = current_deadline()
        left = BUSY_SECONDS if deadline is None else deadline.left()
        if not self._turn.acquire(timeout=max(0.0, min(BUSY_SECONDS, left))):
            require_time("turn to write")
            raise _no_turn(self.url)
        self._turn_of = me
        try:
            yield
        finally:
            self._turn_of = None
            self._turn.release()


def _no_turn(url: str) -> FleetwrightError:
    return FleetwrightError(
        f"no turn to write within {BUSY_SECONDS:g} seconds",
        where=url,
        hint="keep transactions short: no calls to others inside them",
    )


def _parsed(url: str, drivers: Mapping[str, str]) -> URL:
    """Return the URL of a database, with the driver we use for it.

    A sync database is meant by either spelling: a fleet names databases in one way.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        parsed = None
    known = {*_ASYNC.values()} if drivers is _ASYNC else {*_SYNC, *_ASYNC.values()}
    if parsed is None or parsed.drivername not in known:
        name, words = "Database", "sqlite:///name.db or postgresql://..."
        if drivers is _ASYNC:
            name = "AsyncDatabase"
            words = "sqlite+aiosqlite:///name.db or postgresql+asyncpg://..."
        raise FleetwrightError(
            "not the URL of a database a service can keep",
            where=parsed.render_as_string() if parsed else f"{name}(url)",
            hint=f"use {words}",
        )
    return parsed.set(drivername=drivers[parsed.get_backend_name()])


def _cause(error: Exception) -> str:
    return str(error.orig if isinstance(error, DBAPIError) else error)
