"""What is old is forgotten: in small steps, by one process at a time."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from databases import with_tables
from sqlalchemy import Table, func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession
from structlog.testing import capture_logs

from fleetwright._clock import use_clock
from fleetwright._sqlite import connect as connect_file
from fleetwright.database import AsyncDatabase
from fleetwright.errors import DeclarationError
from fleetwright.events import (
    Consumer,
    Event,
    Retention,
    Subscriptions,
    _upkeep,
    connect,
)
from fleetwright.events._envelope import Message, encode
from fleetwright.events._parking import State
from fleetwright.events._tables import (
    CONSUMER_TABLES,
    PRODUCER_TABLES,
    inbox,
    outbox,
    parked,
    upkeep,
)
from fleetwright.events._upkeep import BATCH_ROWS, Upkeep, of_group, of_outbox
from fleetwright.events.brokers._embedded_file import EmbeddedFile
from fleetwright.testing import FakeClock

DAY_SECONDS = 24 * 3600.0
ALL = list({*CONSUMER_TABLES, *PRODUCER_TABLES})


class Sold(Event, topic="shops.sold"):
    """Something was sold."""

    till: str


@pytest.fixture
def time() -> Iterator[FakeClock]:
    """Give the clock, on the ordinary loop: PostgreSQL is on a real socket."""
    with use_clock(FakeClock()) as fake:
        assert isinstance(fake, FakeClock)
        yield fake


@pytest.fixture(params=["sqlite", "postgresql"])
async def database(request: pytest.FixtureRequest) -> AsyncIterator[AsyncDatabase]:
    """Return a database of each kind with the tables of events, empty."""
    async with with_tables(request, ALL) as found:
        yield found


async def put(database: AsyncDatabase, table: Table, *rows: dict[str, Any]) -> None:
    """Write rows."""
    async with database.transaction() as transaction:
        await transaction.execute(insert(table), list(rows))


async def count(database: AsyncDatabase, table: Table) -> int:
    """Return how many rows a table has."""
    async with database.reading() as session:
        return int(await session.scalar(select(func.count()).select_from(table)) or 0)


def heard(number: int, at: float) -> dict[str, Any]:
    """Return a row of the inbox."""
    return {"grp": "tills", "msg_id": f"m{number}", "at": at}


def stuck(number: int, state: State, at: float) -> dict[str, Any]:
    """Return a row of a parked event."""
    message = encode(Sold(till=f"t{number}"), source="shop")
    return {
        "grp": "tills",
        "key": message.key,
        "seq": 1,
        "lane": message.lane,
        "msg_id": f"m{number}",
        "topic": message.topic,
        "partition_key": message.key,
        "headers": "{}",
        "body": message.body,
        "attempts": 9,
        "next_at": at,
        "error": "why",
        "state": int(state),
    }


async def test_inbox_forgets_after_seven_days(
    database: AsyncDatabase, time: FakeClock
) -> None:
    """What is older goes, in more than one step; what is younger stays."""
    old = [heard(n, time.now()) for n in range(2 * BATCH_ROWS + 1)]
    time.advance(DAY_SECONDS)
    await put(database, inbox, *old, heard(-1, time.now()))
    keeping = of_group(database, "tills", Retention())

    time.advance(6 * DAY_SECONDS)
    await keeping.tend()
    at_seven_days = await count(database, inbox)
    time.advance(3601)
    await keeping.tend()

    assert at_seven_days == len(old) + 1
    assert await count(database, inbox) == 1


async def test_dead_events_stay_unless_an_age_is_given(
    database: AsyncDatabase, time: FakeClock
) -> None:
    """By default nothing dead is forgotten; what waits, for whatever, never is."""
    rows = [
        stuck(1, State.DEAD, time.now()),
        stuck(2, State.RELEASED, time.now()),
        stuck(3, State.RETRY, time.now()),
        stuck(4, State.UNHEARD, time.now()),
    ]
    await put(database, parked, *rows)
    time.advance(400 * DAY_SECONDS)
    await of_group(database, "tills", Retention()).tend()
    kept = await count(database, parked)
    time.advance(3601)

    bounded = Retention(dead_seconds=30 * DAY_SECONDS)
    await of_group(database, "tills", bounded).tend()

    assert kept == 4
    async with database.reading() as session:
        left = set(await session.scalars(select(parked.c.state)))
    assert left == {State.RETRY, State.UNHEARD}
    # As after `discard`: a delivery that comes again has no effects.
    assert await count(database, inbox) == 2


async def test_only_what_is_dead_is_redriven(
    database: AsyncDatabase, time: FakeClock
) -> None:
    """What no process hears stays aside: in its place it would hold up its key."""
    rows = [stuck(1, State.RELEASED, time.now()), stuck(2, State.UNHEARD, time.now())]
    await put(database, parked, *rows)
    broker = connect("memory://redriven")
    consumer = Consumer(database, broker, Subscriptions(), group="tills")

    redriven = await consumer.redrive()

    assert redriven == 1
    assert [(one.message.id, one.state) for one in await consumer.parked()] == [
        ("m1", State.RETRY),
        ("m2", State.UNHEARD),
    ]


async def test_refused_events_stay_unless_an_age_is_given(
    database: AsyncDatabase, time: FakeClock
) -> None:
    """The same of what the broker refused; what is about to leave never goes."""
    row = {
        "topic": "shops.sold",
        "lane": 1,
        "headers": "{}",
        "body": b"{}",
        "created_at": time.now(),
        "attempts": 10,
    }
    await put(
        database,
        outbox,
        {**row, "id": "refused", "parked_at": time.now()},
        {**row, "id": "leaving", "parked_at": None},
    )
    time.advance(400 * DAY_SECONDS)
    await of_outbox(database, Retention()).tend()
    kept = await count(database, outbox)

    await of_outbox(database, Retention(refused_seconds=DAY_SECONDS)).tend()

    assert kept == 2
    assert await count(database, outbox) == 1


async def test_one_process_at_a_time_once_an_hour(
    database: AsyncDatabase, time: FakeClock
) -> None:
    """Whoever comes second finds it being done, or done within the hour."""
    done: list[str] = []

    def process(name: str, rows: int) -> Upkeep:
        left = iter([rows, 0])

        async def step(transaction: AsyncSession) -> int:
            done.append(name)
            time.advance(_upkeep.TURN_SECONDS)  # a step takes all of a turn
            return next(left, 0)

        return Upkeep(database, "task", step)

    one, other, third = process("one", 500), process("other", 0), process("third", 0)
    await one.tend()  # some rows are gone, others may be left
    await other.tend()
    await one.tend()  # nothing is left
    await asyncio.gather(other.tend(), third.tend(), one.tend())
    time.advance(1_000)
    await asyncio.gather(other.tend(), third.tend(), one.tend())
    within_the_hour = list(done)
    time.advance(3601)
    await asyncio.gather(*(each.tend() for each in (other, third, one)))

    assert within_the_hour == ["one", "one"]
    assert len(done) == 3


async def test_process_that_died_at_it_is_replaced_within_a_minute(
    database: AsyncDatabase, time: FakeClock
) -> None:
    """The lease ends by itself; one that seems to end in a year is no lease."""
    done: list[int] = []

    async def step(transaction: AsyncSession) -> int:
        done.append(1)
        return 0

    await put(
        database,
        upkeep,
        {"task": "dead", "owner": "gone", "until": time.now() + 60},
        {"task": "jumped", "owner": "gone", "until": time.now() + 365 * DAY_SECONDS},
    )
    await Upkeep(database, "dead", step).tend()
    at_once = len(done)
    await Upkeep(database, "jumped", step).tend()
    time.advance(61)
    await Upkeep(database, "dead", step).tend()

    assert at_once == 0
    assert len(done) == 2


async def test_step_that_fails_is_tried_again_a_minute_later(
    database: AsyncDatabase, time: FakeClock
) -> None:
    """A failure is a line in the log, and ends nothing."""
    tried: list[int] = []

    async def step(transaction: AsyncSession) -> int:
        tried.append(1)
        if len(tried) == 1:
            raise OSError("disk full")
        return 0

    keeping = Upkeep(database, "task", step)
    with capture_logs() as logs:
        await keeping.tend()
    await keeping.tend()
    before = len(tried)
    time.advance(61)
    await keeping.tend()

    assert [line["event"] for line in logs] == ["upkeep.failed"]
    assert (before, len(tried)) == (1, 2)


async def test_broker_that_remembers_longer_than_the_inbox_is_told(
    tmp_path: Path,
) -> None:
    """Its messages could have their effects twice: one line at the start says so."""
    database = AsyncDatabase(f"sqlite+aiosqlite:///{tmp_path}/tills.db")
    broker = connect(f"embedded:///{tmp_path}/broker.db")
    warned = []
    for inbox_seconds in (3600.0, 2 * DAY_SECONDS):
        retention = Retention(inbox_seconds=inbox_seconds)
        consumer = Consumer(
            database, broker, Subscriptions(), group="tills", retention=retention
        )
        with capture_logs() as logs:
            await consumer.open()
            await consumer.close()
        warned.append([line["event"] for line in logs])
    await broker.close()
    await database.close()

    assert warned == [["inbox.forgets_first"], []]


def test_retention_of_nothing_is_refused() -> None:
    """An inbox that forgets at once is a mistake."""
    with pytest.raises(DeclarationError, match="keeps nothing"):
        Retention(inbox_seconds=0)


def test_file_of_the_broker_does_not_grow(tmp_path: Path, time: FakeClock) -> None:
    """What was forgotten makes room for what comes; the write-ahead log is bounded."""
    path = f"{tmp_path}/broker.db"
    file = EmbeddedFile(path)
    file.subscribe("tills", ["shops.sold"])

    def day(number: int) -> tuple[int, int]:
        body = b"x" * 2_000
        for batch in range(20):
            messages = [
                Message(f"{number}-{batch}-{n}", "shops.sold", str(n), {}, body)
                for n in range(50)
            ]
            file.publish(messages)
        owned, _, _ = file.tend("tills", "me", may_release=False)
        while waiting := file.read("tills", owned, 500):
            file.acknowledge("tills", "me", waiting)
        time.advance(2 * DAY_SECONDS)
        while file.purge(keep_seconds=DAY_SECONDS, keep_messages=200_000):
            pass
        with closing(connect_file(path)) as connection:
            pages = int(connection.execute("pragma page_count").fetchone()[0])
        return pages, Path(f"{path}-wal").stat().st_size

    days = [day(number) for number in range(4)]
    file.close()

    pages = [page_count for page_count, _ in days]
    assert max(pages[1:]) <= 1.1 * pages[0]
    assert max(wal for _, wal in days) < 16 * 1024 * 1024
