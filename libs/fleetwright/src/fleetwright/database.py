"""AsyncDatabase: an engine, transactions in plain sight, a check, migrations."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext

from sqlalchemy import URL, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from fleetwright._migrate import upgrade
from fleetwright._sqlite import BUSY_SECONDS, Synchronous, is_memory, require_writable
from fleetwright._sqlite_async import BEGIN, sqlite_engine
from fleetwright.errors import FleetwrightError

__all__ = ["AsyncDatabase"]

_DRIVERS = ("sqlite+aiosqlite", "postgresql+asyncpg")


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
        parsed = _parsed(url)
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
            raise FleetwrightError(
                f"no turn to write within {BUSY_SECONDS:g} seconds",
                where=self.url,
                hint="keep transactions short: no calls to others inside them",
            ) from None
        self._turn_of = task
        try:
            yield
        finally:
            self._turn_of = None
            self._turn.release()


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError:
        parsed = None
    if parsed is None or parsed.drivername not in _DRIVERS:
        raise FleetwrightError(
            "not the URL of a database a service can keep",
            where=parsed.render_as_string() if parsed else "AsyncDatabase(url)",
            hint="use sqlite+aiosqlite:///name.db or postgresql+asyncpg://...",
        )
    return parsed


def _cause(error: Exception) -> str:
    return str(error.orig if isinstance(error, DBAPIError) else error)
