"""An outbox whose broker refuses: good events are offered until they are taken."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence

import pytest
from databases import with_tables
from sqlalchemy import select
from structlog.testing import capture_logs

from fleetwright.database import AsyncDatabase
from fleetwright.errors import Unavailable
from fleetwright.events import Event, Outbox, publish
from fleetwright.events._backlog import Backlog
from fleetwright.events._broker import BEHIND, Passing
from fleetwright.events._carrying import BATCH, MOST_ATTEMPTS
from fleetwright.events._envelope import Message
from fleetwright.events._tables import PRODUCER_TABLES, ensure, outbox
from fleetwright.testing import FakeBroker


class Said(Event, topic="backlog.said", key="who"):
    """Somebody said something."""

    who: str
    n: int


class Sung(Event, topic="backlog.sung", key="who"):
    """Somebody sang something."""

    who: str
    n: int


class Refusing(FakeBroker):
    """A broker that refuses what somebody says, for a reason, as often as told."""

    def __init__(self, refused: str, reason: str, rounds: int) -> None:
        """Refuse.

        Args:
            refused: Whose words.
            reason: Why the first of them is refused; the others stand behind it.
            rounds: How often.
        """
        super().__init__()
        self.refused, self.reason, self.rounds = refused, reason, rounds

    async def publish(self, messages: Sequence[Message]) -> Mapping[str, str]:
        """Refuse some, keep the others."""
        theirs = [one for one in messages if one.key == self.refused]
        if not theirs or self.rounds == 0:
            return await super().publish(messages)
        self.rounds -= 1
        await super().publish([one for one in messages if one.key != self.refused])
        return {one.id: BEHIND for one in theirs} | {theirs[0].id: self.reason}


@pytest.fixture
async def database() -> AsyncIterator[AsyncDatabase]:
    """Give a database in memory."""
    database = AsyncDatabase("sqlite+aiosqlite://")
    yield database
    await database.close()


@pytest.fixture(params=["sqlite", "postgresql"])
async def any_database(request: pytest.FixtureRequest) -> AsyncIterator[AsyncDatabase]:
    """Give an empty database of each kind."""
    async with with_tables(request, ()) as found:
        yield found


async def say(database: AsyncDatabase, who: str, *numbers: int) -> None:
    """Publish in one transaction."""
    async with database.transaction() as transaction:
        for n in numbers:
            publish(transaction, Said(who=who, n=n))


async def relayed(relay: Outbox) -> None:
    """Wait until nothing waits any more."""
    async with asyncio.timeout(60):
        while (await relay.facts())["pending"]:
            await relay.drain()


async def test_refused_for_now_is_offered_until_it_is_taken(
    database: AsyncDatabase,
) -> None:
    """More often than ten times, in order, and the others go on meanwhile."""
    broker = Refusing("ada", Passing("the queue is full"), MOST_ATTEMPTS + 5)
    relay = Outbox(database, broker)
    await relay.open()
    await say(database, "ada", 1, 2)
    await say(database, "bob", 1)
    await relay.drain()
    with pytest.raises(Unavailable, match="the queue is full"):
        await relay.check()

    await relayed(relay)
    await relay.check()
    await relay.close()

    said = [(one.who, one.n) for one in broker.published if isinstance(one, Said)]
    assert said[0] == ("bob", 1)
    assert said[1:] == [("ada", 1), ("ada", 2)]
    assert (await relay.facts())["parked"] == 0


async def test_refused_for_good_is_given_up_and_those_behind_it_go_on(
    database: AsyncDatabase,
) -> None:
    """Ten refusals of one event cost that event, and none that stands behind it."""
    broker = Refusing("ada", "it is too large", MOST_ATTEMPTS)
    relay = Outbox(database, broker)
    await relay.open()
    await say(database, "ada", 1, 2, 3)

    await relayed(relay)
    await relay.close()

    assert [one.n for one in broker.published if isinstance(one, Said)] == [2, 3]
    async with database.reading() as session:
        kept = (await session.execute(select(outbox))).one()
    assert (kept.last_error, kept.attempts) == ("it is too large", MOST_ATTEMPTS)


class Full(FakeBroker):
    """A broker that is full for some topics, and tells how often it was asked."""

    def __init__(self, topics: Collection[str], reason: str) -> None:
        """Refuse.

        Args:
            topics: What it is full for.
            reason: Why it refuses.
        """
        super().__init__()
        self.topics, self.reason = topics, reason
        self.offered = 0

    async def publish(self, messages: Sequence[Message]) -> Mapping[str, str]:
        """Refuse what it is full for, and what is behind that."""
        refused: dict[str, str] = {}
        keys = set()
        for one in messages:
            if one.topic in self.topics or one.order_key in keys:
                refused[one.id] = BEHIND if one.order_key in keys else self.reason
                keys.add(one.order_key)
        self.offered += len(refused)
        await super().publish([one for one in messages if one.id not in refused])
        return refused


async def test_many_that_are_refused_hold_up_nobody_behind_them(
    any_database: AsyncDatabase,
) -> None:
    """More than a batch of them at the head: others pass, in order per key."""
    many, database = 8 * BATCH, any_database
    broker = Full([Said.__topic__], Passing("the queue is full"))
    relay = Outbox(database, broker)
    await ensure(database, PRODUCER_TABLES)
    async with database.transaction() as transaction:
        for n in range(many):
            publish(transaction, Said(who=f"ada-{n}", n=0))
            publish(transaction, Sung(who=f"ada-{n}", n=1))
        for n in range(3):
            publish(transaction, Sung(who="bob", n=n))
    await relay.open()

    async with asyncio.timeout(60):
        while len(broker.published) < 3:
            await relay.drain()
    sung = [(one.who, one.n) for one in broker.published if isinstance(one, Sung)]
    offered = broker.offered
    with pytest.raises(Unavailable, match="the queue is full"):
        await relay.check()
    broker.topics = ()
    await relayed(relay)
    await relay.check()
    await relay.close()

    assert sung == [("bob", 0), ("bob", 1), ("bob", 2)]
    assert offered < many
    assert len(broker.published) == 2 * many + 3
    heard: dict[str, list[int]] = {}
    for one in broker.published:
        if isinstance(one, Said | Sung):
            heard.setdefault(one.who, []).append(one.n)
    assert heard.pop("bob") == [0, 1, 2]
    assert set(map(tuple, heard.values())) == {(0, 1)}


async def test_many_that_are_refused_for_good_hold_up_nobody(
    database: AsyncDatabase,
) -> None:
    """They are given up after ten tries each; what is behind them has left before."""
    broker = Full([Said.__topic__], "it is too large")
    relay = Outbox(database, broker)
    await ensure(database, PRODUCER_TABLES)
    async with database.transaction() as transaction:
        for n in range(BATCH + 5):
            publish(transaction, Said(who=f"ada-{n}", n=0))
        publish(transaction, Sung(who="bob", n=0))
    await relay.open()

    async with asyncio.timeout(60):
        while not broker.published:
            await relay.drain()
    given_up_before = (await relay.facts())["parked"]
    await relayed(relay)
    facts = await relay.facts()
    await relay.close()

    assert given_up_before == 0
    assert (facts["pending"], facts["parked"]) == (0, BATCH + 5)
    assert broker.offered == MOST_ATTEMPTS * (BATCH + 5)


async def test_publish_is_refused_while_as_many_wait_as_may(
    database: AsyncDatabase,
) -> None:
    """The broker stays away: publishing is refused until it is back."""
    broker = FakeBroker()
    broker.is_down = True
    relay = Outbox(database, broker, most_waiting=3)
    await relay.open()
    await say(database, "ada", 1, 2, 3)
    async with asyncio.timeout(60):
        with pytest.raises(Unavailable, match="as many as may") as caught:
            while True:
                await say(database, "bob", 1)
                await asyncio.sleep(0.01)
    broker.is_down = False

    await relayed(relay)
    async with asyncio.timeout(60):
        while True:
            try:
                await say(database, "cid", 1)
                break
            except Unavailable:
                await asyncio.sleep(0.05)
    await relay.close()

    assert caught.value.retry_after_seconds == 5


def test_growth_is_told_once_at_each_power_of_ten() -> None:
    """A backlog is told when it has grown ten times, and when it has gone."""
    backlog = Backlog(None)
    with capture_logs() as logs:
        for waiting in (10, 999, 1_000, 5_000, 10_000, 10_001, 99, 0):
            backlog.saw(waiting)

    told = [(one["event"], one["waiting"]) for one in logs]
    grew, shrank = "outbox.grew", "outbox.shrank"
    assert told == [(grew, 1_000), (grew, 10_000), (shrank, 99)]
