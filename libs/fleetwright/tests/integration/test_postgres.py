"""PostgreSQL: bounded, in time, and back at once after it was away."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from servers import OwnServer
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from structlog.testing import capture_logs

from fleetwright import Service, Settings
from fleetwright._deadline import Deadline
from fleetwright._health import Health
from fleetwright.database import AsyncDatabase, Database, Pool
from fleetwright.errors import (
    DeadlineExceeded,
    DeclarationError,
    FleetwrightError,
    Unavailable,
)

SLOW = text("select pg_sleep(20)")
RUNNING = text(
    "select count(*) from pg_stat_activity"
    " where state = 'active' and query like 'select pg_sleep%'"
)
Make = Callable[..., AsyncDatabase]
PATIENCE_SECONDS = 60.0


@pytest.fixture
async def make(postgres_url: str) -> AsyncIterator[Make]:
    """Give databases on the shared server; they are closed after."""
    async with AsyncExitStack() as stack:

        def made(url: str = postgres_url, **limits: float) -> AsyncDatabase:
            database = AsyncDatabase(url, pool=Pool(**limits))  # type: ignore[arg-type]
            stack.push_async_callback(database.close)
            return database

        yield made


@pytest.fixture
async def own(make: Make, own_postgres: OwnServer) -> AsyncDatabase:
    """Give a database on a server the test may kill; `things` has one row."""
    database = make(own_postgres.url)
    async with database.transaction() as transaction:
        await transaction.execute(text("drop table if exists things"))
        await transaction.execute(text("create table things(n int)"))
        await transaction.execute(text("insert into things values (1)"))
    return database


async def seconds(work: Callable[[], object]) -> float:
    """Return how long it took."""
    began = time.monotonic()
    await work()  # type: ignore[misc]
    return time.monotonic() - began


async def test_wait_for_a_connection_is_bounded(make: Make) -> None:
    """Nobody waits without end for a pool that is used up; the database is not down."""
    database = make(size=1, overflow=1, wait_seconds=0.2)
    async with database.transaction(), database.transaction():
        with pytest.raises(Unavailable, match="cannot be used now") as caught:
            async with database.transaction():
                pass
        with pytest.raises(DeadlineExceeded), Deadline.after(0.05):
            async with database.transaction():
                pass
        await database.check()
        facts = await database.facts()

    assert (caught.value.reason, caught.value.retry_after_seconds) == ("rejected", 1.0)
    assert (facts["in_use"], facts["most"]) == (2, 2)


@pytest.mark.parametrize(
    "limits", [{"size": 0}, {"overflow": -1}, {"statement_seconds": 0.0}]
)
def test_pool_without_a_limit_is_refused(limits: dict[str, float]) -> None:
    """To the pool below, no connections would mean any number of them."""
    with pytest.raises(DeclarationError, match=next(iter(limits))):
        Pool(**limits)  # type: ignore[arg-type]


async def test_statement_ends_at_its_limit_without_a_deadline(make: Make) -> None:
    """Work that nobody waits for is cut too, and its connection goes on."""
    database = make(statement_seconds=1, size=1, overflow=0)

    with pytest.raises(Unavailable) as caught:
        async with database.transaction() as transaction:
            await transaction.execute(SLOW)

    assert caught.value.reason == "timeout"
    async with database.reading() as session:
        assert await session.scalar(text("select 1")) == 1


async def test_statement_ends_at_the_deadline_on_the_server_as_well(make: Make) -> None:
    """What nobody waits for any more does not go on in the server."""
    database = make()
    with pytest.raises(DeadlineExceeded), Deadline.after(0.3):
        async with database.transaction() as transaction:
            await transaction.execute(SLOW)

    async with asyncio.timeout(60), database.reading() as session:
        while await session.scalar(RUNNING):
            await asyncio.sleep(0.02)
            await session.rollback()


async def test_who_is_stuck_in_a_transaction_gives_up_its_locks(make: Make) -> None:
    """A process that stopped in the middle must not hold up the others for ever."""
    database = make(pause_seconds=1)

    with pytest.raises(Unavailable):
        async with database.transaction() as transaction:
            await transaction.execute(text("select pg_advisory_xact_lock(4711)"))
            async with asyncio.timeout(60), make().transaction() as other:
                await other.execute(text("select pg_advisory_xact_lock(4711)"))
            await transaction.execute(text("select 1"))


async def test_reading_sees_one_state_and_writes_nothing(make: Make) -> None:
    """The same promise as on SQLite, kept by the server."""
    database = make()
    async with database.transaction() as transaction:
        await transaction.execute(text("drop table if exists seen"))
        await transaction.execute(text("create table seen(n int)"))
    count = text("select count(*) from seen")

    async with database.reading() as session:
        before = await session.scalar(count)
        async with database.transaction() as transaction:
            await transaction.execute(text("insert into seen values (1)"))
        after = await session.scalar(count)
        with pytest.raises(DBAPIError, match="read-only transaction"):
            await session.execute(text("insert into seen values (2)"))

    assert (before, after) == (0, 0)
    async with database.transaction() as transaction:
        assert await transaction.scalar(count) == 1


async def test_server_is_told_which_service_connects(make: Make) -> None:
    """Whoever looks at the server's sessions sees whose they are."""
    database = Service("orders", Settings()).add(make())

    async with database.reading() as session:
        name = await session.scalar(text("select current_setting('application_name')"))

    assert name == "orders"


async def test_deadlock_is_told_as_passing(make: Make) -> None:
    """One of two that wait for each other is undone; it can be tried again."""
    database = make()
    met = asyncio.Barrier(2)

    async def lock(first: int, second: int) -> None:
        async with database.transaction() as transaction:
            await transaction.execute(text(f"select pg_advisory_xact_lock({first})"))
            await met.wait()
            await transaction.execute(text(f"select pg_advisory_xact_lock({second})"))

    done = await asyncio.gather(lock(1, 2), lock(2, 1), return_exceptions=True)

    undone = [one for one in done if one is not None]
    assert len(undone) == 1
    assert isinstance(undone[0], Unavailable)
    assert "deadlock" in str(undone[0])


async def test_schema_that_changed_meanwhile_is_told_as_passing(make: Make) -> None:
    """A replica that runs while another migrates fails once, and is well again."""
    database = make(size=1, overflow=0)
    everything = text("select * from changing")
    async with database.transaction() as transaction:
        await transaction.execute(text("drop table if exists changing"))
        await transaction.execute(text("create table changing(n int)"))
    async with database.reading() as session:
        await session.execute(everything)
    async with make().transaction() as other:
        await other.execute(text("alter table changing add column m int"))

    with pytest.raises(Unavailable, match="cached statement plan"):
        async with database.transaction() as transaction:
            await transaction.execute(everything)

    async with database.reading() as session:
        assert list((await session.execute(everything)).keys()) == ["n", "m"]


async def test_mistake_stays_what_it_is(make: Make) -> None:
    """Only what passes by itself is told as Unavailable."""
    with pytest.raises(DBAPIError, match="does not exist"):
        async with make().transaction() as transaction:
            await transaction.execute(text("select * from nowhere"))


async def test_password_is_in_no_words(make: Make) -> None:
    """Neither in the error nor in the log, whatever fails, nor in what is shown."""
    url = "postgresql+asyncpg://me:s3cret-word@127.0.0.1:1/x"
    database = make(url, start_seconds=0.3)
    with capture_logs() as logs, pytest.raises(FleetwrightError) as caught:
        await database.open()
    with pytest.raises(Unavailable) as second:
        await database.check()

    words = (logs, caught.value, second.value, database.url, database.engine)
    assert "s3cret-word" not in f"{words!r} {caught.value} {second.value}"
    assert "me:***@127.0.0.1" in str(caught.value)
    assert logs[0]["event"] == "database.awaited"


async def test_values_of_a_statement_are_in_no_words(make: Make) -> None:
    """An error of the database tells the statement, never what was in it."""
    with pytest.raises(DBAPIError) as caught:
        async with make().transaction() as transaction:
            await transaction.execute(text("select cast(:n as int)"), {"n": "s3cret"})

    assert "s3cret" not in str(caught.value).partition("[SQL:")[2]


async def test_database_that_is_not_there_is_told_at_once(postgres_url: str) -> None:
    """What does not mend itself is not waited for: a server that is away would be."""
    database = AsyncDatabase(f"{postgres_url.rpartition('/')[0]}/nobodys")

    with capture_logs() as logs, pytest.raises(FleetwrightError, match="not exist"):
        await database.open()

    assert "database.awaited" not in [line["event"] for line in logs]
    await database.close()


async def test_statements_without_names_work_the_same(make: Make) -> None:
    """Behind a pooler that shares connections no statement is kept by its name."""
    database = make(prepares=False)
    for _ in range(3):
        async with database.transaction() as transaction:
            assert await transaction.scalar(text("select cast(:n as int)"), {"n": 7})
            kept = text("select count(*) from pg_prepared_statements where name <> ''")
            assert await transaction.scalar(kept) == 0


async def test_server_that_was_killed_is_found_again(
    own: AsyncDatabase, own_postgres: OwnServer
) -> None:
    """After a restart the first transaction works: no dead connection is handed out."""
    async with own.transaction(), own.transaction(), own.reading() as session:
        await session.execute(text("select 1"))
    await asyncio.to_thread(own_postgres.kill)
    with pytest.raises(Unavailable) as caught:
        async with own.transaction():
            pass
    with pytest.raises(Unavailable):
        await own.check()
    await asyncio.to_thread(own_postgres.start)

    async with own.transaction() as transaction:
        await transaction.execute(text("update things set n = n + 1"))
    await own.check()

    assert caught.value.provider == "the database"
    async with own.reading() as session:
        assert await session.scalar(text("select n from things")) == 2


async def test_server_restarted_while_nobody_looked_is_no_error(
    own: AsyncDatabase, own_postgres: OwnServer
) -> None:
    """Three idle connections died: whoever comes next does not notice."""
    async with own.transaction(), own.transaction(), own.reading() as session:
        await session.execute(text("select 1"))
    await asyncio.to_thread(own_postgres.kill)
    await asyncio.to_thread(own_postgres.start)

    for _ in range(3):
        async with own.transaction() as transaction:
            await transaction.execute(text("update things set n = n + 1"))


async def test_transaction_under_way_when_it_dies_is_told_as_passing(
    own: AsyncDatabase, own_postgres: OwnServer
) -> None:
    """Nothing of it is kept, and tried again it is there once."""

    async def add(*, dies: bool) -> None:
        async with own.transaction() as transaction:
            await transaction.execute(text("update things set n = n + 1"))
            if dies:
                await asyncio.to_thread(own_postgres.kill)

    with pytest.raises(Unavailable):
        await add(dies=True)
    await asyncio.to_thread(own_postgres.start)
    await add(dies=False)

    async with own.reading() as session:
        assert await session.scalar(text("select n from things")) == 2


async def test_server_that_does_not_answer_holds_nobody_up(
    own: AsyncDatabase, own_postgres: OwnServer
) -> None:
    """Frozen: a call ends at its deadline, the check in time; then all is well."""
    async with own.reading() as session:
        await session.execute(text("select 1"))
    await own.check()

    async def write() -> None:
        with pytest.raises(DeadlineExceeded), Deadline.after(0.5):
            async with own.transaction() as transaction:
                await transaction.execute(text("update things set n = n + 1"))

    await asyncio.to_thread(own_postgres.pause)
    try:
        write_seconds = await seconds(write)
        health = Health()
        check_seconds = await seconds(lambda: health.report([own]))
        report = await health.report([own])
    finally:
        await asyncio.to_thread(own_postgres.resume)

    assert not report.ready
    # Nobody answers before it is resumed: without a limit they would wait for ever.
    assert write_seconds < PATIENCE_SECONDS
    assert check_seconds < PATIENCE_SECONDS
    async with asyncio.timeout(60), own.transaction() as transaction:
        await transaction.execute(text("update things set n = n + 1"))
    await own.check()


async def test_start_waits_for_a_server_that_is_not_up_yet(
    own: AsyncDatabase, own_postgres: OwnServer
) -> None:
    """A fleet and its database may be started in any order."""
    await asyncio.to_thread(own_postgres.kill)
    opening = asyncio.create_task(own.open())
    await asyncio.sleep(0)
    await asyncio.to_thread(own_postgres.start)

    async with asyncio.timeout(60):
        await opening


async def test_sync_database_finds_a_killed_server_again(
    own_postgres: OwnServer,
) -> None:
    """The same promise in threads."""
    database = Database(own_postgres.url)

    def ask() -> object:
        with database.transaction() as transaction:
            return transaction.scalar(text("select 1"))

    await asyncio.to_thread(ask)
    await asyncio.to_thread(own_postgres.kill)
    with pytest.raises(Unavailable):
        await asyncio.to_thread(ask)
    await asyncio.to_thread(own_postgres.start)
    assert await asyncio.to_thread(ask) == 1
    await asyncio.to_thread(own_postgres.kill)
    await asyncio.to_thread(own_postgres.start)

    assert await asyncio.to_thread(ask) == 1
    await database.close()


async def test_sqlite_locked_by_another_process_is_told(tmp_path: Path) -> None:
    """Reading goes on beside a writer that does not end; the check says why."""
    database = AsyncDatabase(f"sqlite+aiosqlite:///{tmp_path}/a.db")
    other = AsyncDatabase(f"sqlite+aiosqlite:///{tmp_path}/a.db")
    await database.check()
    async with other.transaction() as transaction:
        await transaction.execute(text("create table things(n int)"))
        report = await Health().report([database])
    after = await Health().report([database])
    await database.close()
    await other.close()

    assert not report.ready
    assert "locked" in report.parts["AsyncDatabase"]
    assert after.ready
