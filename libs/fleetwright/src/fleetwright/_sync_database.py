"""Database: the same for sync code, each statement within the deadline."""

import asyncio
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from fleetwright import _postgres, _spans, _sync_engine
from fleetwright._async_database import AsyncDatabase, require_whole
from fleetwright._database_url import ASYNC, SYNC, parsed, shown
from fleetwright._deadline import current_deadline, require_time
from fleetwright._failures import in_words, no_turn
from fleetwright._postgres import Pool
from fleetwright._sqlite import BUSY_SECONDS, Synchronous, is_memory
from fleetwright._sqlite_async import BEGIN
from fleetwright.errors import FleetwrightError


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
        pool: Pool | None = None,
    ) -> None:
        """Describe the database; nothing is opened yet.

        Args:
            url: `sqlite:///vouchers.db`, `sqlite://` (a file that is deleted when it is
                closed) or `postgresql://...`; an async URL means the same database.
            migrations: The dotted package whose `versions` folder holds the Alembic
                revisions; None for a database without migrations.
            synchronous: SQLite only: FULL survives a power cut, NORMAL only the death
                of the process.
            pool: PostgreSQL only: how many connections, and how long things may take;
                the async parts of the service have as many again.

        Raises:
            FleetwrightError: The URL is none of these, there is no safe SQLite, or the
                drivers are not installed.
        """
        found = parsed(url, SYNC)
        self._is_sqlite = found.get_backend_name() == "sqlite"
        self._folder: str | None = None
        if self._is_sqlite and is_memory(found.database):
            self._folder = tempfile.mkdtemp(prefix="fleetwright-")
            found = found.set(database=str(Path(self._folder) / "memory.db"))
        self.url = shown(found)
        twin = found.set(drivername=ASYNC[found.get_backend_name()])
        self.on_loop = AsyncDatabase(
            twin.render_as_string(hide_password=False),
            migrations=migrations,
            synchronous=synchronous,
            pool=pool,
        )
        self.engine: Engine
        if self._is_sqlite:
            self.engine = _sync_engine.sqlite_engine(found, synchronous=synchronous)
            self._reading = self.engine
        else:
            name = self._name
            self.engine = _postgres.sync_engine(found, pool or Pool(), name)
            self._reading = self.engine.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )
        self._writing = self.engine.execution_options(**{BEGIN: "IMMEDIATE"})
        self._turn = threading.Lock()
        self._turn_of: int | None = None

    @property
    def service(self) -> str | None:
        """The name of the service this is a part of; the server is told it."""
        return self.on_loop.service

    @service.setter
    def service(self, name: str | None) -> None:
        self.on_loop.service = name

    def _name(self) -> str:
        return self.service or "fleetwright"

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
        if _spans.tracer is not None:
            from fleetwright._database_spans import watch

            watch(self.engine)

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
        """Ask the database for an answer.

        Raises:
            Unavailable: There is none, or another process has the SQLite file locked.
        """
        await self.on_loop.check()

    async def facts(self) -> dict[str, object]:
        """Return how the connections are used, those of the async parts left out.

        Returns:
            `dialect` and, on PostgreSQL, `in_use` and `free` connections.
        """
        if self._is_sqlite:
            return {"dialect": "sqlite"}
        free = getattr(self.engine.pool, "checkedin", int)()
        in_use = getattr(self.engine.pool, "checkedout", int)()
        return {"dialect": "postgresql", "in_use": in_use, "free": free}

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
            Unavailable: It failed for a reason that passes, and can be tried again:
                there was no turn to write or no connection in time, the server went
                away, it was undone in favour of another. When the connection broke
                during the commit it may be committed all the same.
            FleetwrightError: This thread is in a transaction already; or a flush was
                refused and its error swallowed, so that nothing is left to commit.
        """
        with (
            in_words(self.url),
            self._my_turn(),
            Session(self._writing, expire_on_commit=False) as session,
            session.begin(),
        ):
            with in_words(self.url, connecting=True):
                session.connection()  # begin now: `publish` must find it begun
            yield session
            require_whole(session)
            session.flush()
            require_time("commit")

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Open a session that sees one state of the database and writes nothing.

        Yields:
            The session; its objects stay readable after the block.

        Raises:
            DeadlineExceeded: The time was over before the database answered.
            Unavailable: It failed for a reason that passes, and can be tried again.
        """
        with (
            in_words(self.url),
            Session(self._reading, expire_on_commit=False) as session,
        ):
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
            raise no_turn(self.url, BUSY_SECONDS)
        self._turn_of = me
        try:
            yield
        finally:
            self._turn_of = None
            self._turn.release()
