"""AsyncDatabase: an engine, transactions in plain sight, migrations."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from dataclasses import replace

import structlog
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import Session, SessionTransaction

from fleetwright import _spans
from fleetwright._clock import clock
from fleetwright._database_url import ASYNC, parsed, shown
from fleetwright._failures import cause, in_words, no_turn
from fleetwright._migrate import upgrade
from fleetwright._postgres import Pool, async_engine, require_files
from fleetwright._sqlite import BUSY_SECONDS, Synchronous, is_memory, require_writable
from fleetwright._sqlite_async import BEGIN, BUSY, sqlite_engine
from fleetwright.errors import FleetwrightError, Unavailable

_LOCKED_SECONDS = 1.5  # less than a check may take: it must be able to say so
_LONGEST_PAUSE_SECONDS = 1.0
_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("fleetwright")


class AsyncDatabase:
    """A service's own database: SQLite or PostgreSQL.

    A part of a service. Safe to call from several tasks. On SQLite there is one writer
    at a time: the transactions of this process queue fairly for their turn, those of
    other processes are waited for at most 15 seconds. On PostgreSQL there are at most
    as many connections as the pool may have; a server that was restarted is found
    again by the next transaction.

    Attributes:
        url: Where the database is, as a SQLAlchemy async URL; passwords are masked.
        engine: The SQLAlchemy engine, for what is not offered here.
        service: The name of the service this is a part of; the server is told it.
    """

    def __init__(
        self,
        url: str,
        *,
        migrations: str | None = None,
        synchronous: Synchronous = "FULL",
        pool: Pool | None = None,
    ) -> None:
        """Describe the database; nothing is opened yet.

        Args:
            url: `sqlite+aiosqlite:///orders.db`, `sqlite+aiosqlite://` (in memory) or
                `postgresql+asyncpg://...`.
            migrations: The dotted package whose `versions` folder holds the Alembic
                revisions; None for a database without migrations.
            synchronous: SQLite only: FULL survives a power cut, NORMAL only the death
                of the process.
            pool: PostgreSQL only: how many connections, and how long things may take.

        Raises:
            FleetwrightError: The URL is none of these, there is no safe SQLite, or
                asyncpg is not installed.
        """
        found = parsed(url, ASYNC)
        self.url = shown(found)
        self.service: str | None = None
        self._migrations = migrations
        self._is_sqlite = found.get_backend_name() == "sqlite"
        self._path = found.database
        self._is_memory = self._is_sqlite and is_memory(found.database)
        self._pool = pool or Pool()
        self.engine: AsyncEngine
        if self._is_sqlite:
            self.engine = sqlite_engine(found, synchronous=synchronous)
            self._reading = self._checking = self.engine
        else:
            self.engine = async_engine(found, self._pool, self._name)
            self._reading = self.engine.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )
            # Its own connection: a pool that is used up is no database that is down.
            alone = replace(self._pool, size=1, overflow=0)
            self._checking = async_engine(found, alone, self._name)
        self._writing = self.engine.execution_options(**{BEGIN: "IMMEDIATE"})
        self._turn = asyncio.Lock()
        self._turn_of: asyncio.Task[object] | None = None
        self._in_line = 0
        self._begins_since: float | None = None

    def _name(self) -> str:
        return self.service or "fleetwright"

    @property
    def dialect(self) -> str:
        """The kind of database: `sqlite` or `postgresql`."""
        return self.engine.dialect.name

    async def open(self) -> None:
        """Connect once, so that a wrong URL is told at start.

        A server that does not answer yet is waited for, `pool.start_seconds` long; one
        that refuses us is not.

        Raises:
            FleetwrightError: The database cannot be reached or written.
        """
        if not self._is_sqlite:
            require_files(self.engine.url)
        elif not self._is_memory:
            require_writable(str(self._path))
        ends = clock().monotonic() + self._pool.start_seconds
        pause = 0.1
        while True:
            try:
                await self._ask(self._checking)
                self._be_watched()
                return
            except (Unavailable, DBAPIError) as error:
                mends = isinstance(error, Unavailable) and not self._is_sqlite
                if not mends or clock().monotonic() + pause > ends:
                    raise self._unreachable(error) from error
                told = error.__cause__ or error
                _log.warning("database.awaited", error=str(told), again_in=pause)
            await clock().sleep(pause)
            pause = min(_LONGEST_PAUSE_SECONDS, 2 * pause)

    def _be_watched(self) -> None:
        """Have statements told as spans, where somebody records them."""
        if _spans.tracer is not None:
            from fleetwright._database_spans import watch

            watch(self.engine.sync_engine)

    def _unreachable(self, error: Exception) -> FleetwrightError:
        origin = error.__cause__ if isinstance(error, Unavailable) else error
        said = cause(origin) if isinstance(origin, Exception) else str(error)
        return FleetwrightError(
            f"the database does not answer: {said}",
            where=self.url,
            hint="check DATABASE_URL, and that the database is up",
        )

    async def close(self) -> None:
        """Close all connections; a database in memory is gone."""
        await self.engine.dispose()
        await self._checking.dispose()

    async def check(self) -> None:
        """Ask the database for an answer.

        Raises:
            Unavailable: There is none, or another process has the SQLite file locked.
        """
        engine = self._checking
        writes = self._is_sqlite and not self._is_memory and not self._turn.locked()
        if writes:
            # A look at the file says nothing about writing: begin, and undo it.
            busy_ms = round(_LOCKED_SECONDS * 1000)
            engine = engine.execution_options(**{BEGIN: "IMMEDIATE", BUSY: busy_ms})
        await self._ask(engine)
        if writes:
            self._begins_since = None
        since = self._begins_since
        if since is not None and clock().monotonic() - since > _LOCKED_SECONDS:
            raise Unavailable(
                "another process keeps the database locked",
                reason="rejected",
                provider="the database",
                where=self.url,
                hint="find it with `fuser` on the file; keep transactions short",
            )

    async def _ask(self, engine: AsyncEngine) -> None:
        turn = self._my_turn() if self._is_memory else nullcontext()
        async with turn:
            with in_words(self.url, connecting=True):
                async with engine.connect() as connection:
                    await connection.execute(text("select 1"))

    async def facts(self) -> dict[str, object]:
        """Return how the connections are used.

        Returns:
            `dialect` and, on PostgreSQL, `in_use`, `free` and `most` connections.
        """
        if self._is_sqlite:
            return {"dialect": "sqlite"}
        pool = self.engine.pool
        free = getattr(pool, "checkedin", int)()
        in_use = getattr(pool, "checkedout", int)()
        most = self._pool.size + self._pool.overflow
        return {"dialect": "postgresql", "in_use": in_use, "free": free, "most": most}

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """Open a transaction: committed when the block ends, undone when it raises.

        On SQLite it is `BEGIN IMMEDIATE`: what was read in it cannot change before it
        is written. Keep it short, others wait.

        Yields:
            The session; its objects stay readable after the commit.

        Raises:
            DeadlineExceeded: The time was over before it was committed.
            Unavailable: It failed for a reason that passes, and can be tried again:
                there was no turn to write or no connection in time, the server went
                away, it was undone in favour of another. When the connection broke
                during the commit it may be committed all the same.
            FleetwrightError: This task is in a transaction already; or a flush was
                refused and its error swallowed, so that nothing is left to commit.
        """
        async with self._my_turn():
            with in_words(self.url):
                session = AsyncSession(self._writing, expire_on_commit=False)
                async with begun(session):
                    await self._begin(session)
                    yield session

    async def _begin(self, session: AsyncSession) -> None:
        """Connect now, and on SQLite begin: `publish` must find it begun."""
        if not self._is_sqlite:
            with in_words(self.url, connecting=True):
                await session.run_sync(connected)
            return
        if self._is_memory:  # there is no other process
            await session.run_sync(connected)
            return
        if self._begins_since is None:  # else the one before could not begin either
            self._begins_since = clock().monotonic()
        await session.run_sync(connected)
        self._begins_since = None

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """Open a session that sees one state of the database and writes nothing.

        Yields:
            The session; its objects stay readable after the block.

        Raises:
            DeadlineExceeded: The time was over before the database answered.
            Unavailable: It failed for a reason that passes, and can be tried again.
            FleetwrightError: In memory, where one connection serves all: this task is
                in a transaction already.
        """
        turn = self._my_turn() if self._is_memory else nullcontext()
        async with turn:
            with in_words(self.url):
                async with AsyncSession(
                    self._reading, expire_on_commit=False
                ) as session:
                    if not self._is_sqlite:
                        with in_words(self.url, connecting=True):
                            await session.connection()
                    yield session

    async def migrate(self, revision: str = "head") -> None:
        """Bring the schema to `revision`; nothing to do without `migrations`.

        All or nothing. Processes that migrate at once do so one after the other: the
        first does it, the others wait and find nothing left to do.

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
            with in_words(self.url, connecting=True):
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
        self._in_line += 1
        try:
            if self._in_line == 1 and not self._turn.locked():  # no wait, no timeout
                await self._turn.acquire()
            else:
                async with asyncio.timeout(BUSY_SECONDS):
                    await self._turn.acquire()
        except TimeoutError:
            raise no_turn(self.url, BUSY_SECONDS) from None
        finally:
            self._in_line -= 1
        self._turn_of = task
        try:
            yield
        finally:
            self._turn_of = None
            self._turn.release()


@asynccontextmanager
async def begun(session: AsyncSession) -> AsyncIterator[AsyncSession]:
    """Begin; commit when the block ends, undo when it raises; then close.

    `async with session, session.begin()` goes to SQLAlchemy's greenlet and back six
    times and makes a task, which costs more than the statements of a short transaction.
    This goes there once, to commit. The database hears of it with the first statement,
    or of `run_sync(connected)`.

    Args:
        session: A new one.

    Yields:
        The same.

    Raises:
        SQLAlchemyError: It could not be committed.
        FleetwrightError: A flush in the block was refused and its error swallowed:
            nothing is left to commit.
    """
    transaction = session.sync_session.begin()
    transaction.__enter__()
    try:
        yield session
        await session.run_sync(_commit, transaction)
    except BaseException as error:
        # Whatever cuts us: the connection must not be lost with the transaction open.
        undoing = asyncio.ensure_future(session.run_sync(_undo, transaction, error))
        await asyncio.shield(undoing)
        raise


def connected(session: Session) -> None:
    """Have the database hear of the transaction now.

    Args:
        session: One that has begun.
    """
    session.connection()


def require_whole(session: Session) -> None:
    """Refuse to end a block well whose transaction was undone unnoticed.

    A flush that is refused undoes the transaction, and SQLAlchemy says nothing more of
    it where the error was swallowed.

    Args:
        session: At the end of the block.

    Raises:
        FleetwrightError: It was undone.
    """
    if session.is_active:
        return
    try:
        session.connection()
    except InvalidRequestError as error:  # it says which flush that was
        raise FleetwrightError(
            "the transaction was undone by a flush that was refused",
            where=str(error),
            hint="let its error leave the block, or flush what may be refused in"
            " `begin_nested()`",
        ) from error


def _commit(session: Session, transaction: SessionTransaction) -> None:
    require_whole(session)
    transaction.__exit__(None, None, None)
    session.close()


def _undo(
    session: Session, transaction: SessionTransaction, error: BaseException
) -> None:
    try:
        transaction.__exit__(type(error), error, error.__traceback__)
    finally:
        session.close()
