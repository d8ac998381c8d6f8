"""When the relay looks: at once after a pause, together what comes in a run."""

from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

import pytest

from fleetwright.database import AsyncDatabase
from fleetwright.events import Event, Outbox, publish
from fleetwright.events._envelope import Message
from fleetwright.testing import FakeBroker, FakeClock

_LARGEST_BYTES = 1_000


class Sold(Event, topic="things.sold"):
    """The n-th thing was sold."""

    n: int


class Drawn(Event, topic="things.drawn"):
    """A thing was drawn."""

    picture: str


class NotedBroker(FakeBroker):
    """Notes what was published together, and when; refuses what is large."""

    clock: FakeClock
    rounds: list[tuple[float, int]]

    async def publish(self, messages: Sequence[Message]) -> Mapping[str, str]:
        """Keep them, and note it."""
        self.rounds.append((self.clock.elapsed_seconds, len(messages)))
        large = [one.id for one in messages if len(one.body) > _LARGEST_BYTES]
        await super().publish([one for one in messages if one.id not in large])
        return dict.fromkeys(large, "too large")


@pytest.fixture
async def shop(
    tmp_path: Path, clock: FakeClock
) -> AsyncIterator[tuple[AsyncDatabase, Outbox, NotedBroker]]:
    """Return a database, its relay and a broker that notes."""
    database = AsyncDatabase(f"sqlite+aiosqlite:///{tmp_path}/things.db")
    broker = NotedBroker()
    broker.clock, broker.rounds = clock, []
    outbox = Outbox(database, broker)
    await database.open()
    await outbox.open()
    await outbox.drain()
    yield database, outbox, broker
    await outbox.close()
    await database.close()


async def sell(database: AsyncDatabase, n: int) -> None:
    """Publish the n-th event, in a transaction of its own."""
    async with database.transaction() as transaction:
        publish(transaction, Sold(n=n))


async def test_what_comes_in_a_run_is_carried_together(
    shop: tuple[AsyncDatabase, Outbox, NotedBroker], clock: FakeClock
) -> None:
    """A hundred commits a millisecond apart take some ten rounds, in order."""
    database, outbox, broker = shop
    for n in range(100):
        await sell(database, n)
        await clock.sleep(0.001)
    await outbox.drain()

    assert len(broker.rounds) <= 15
    assert broker.published == [Sold(n=n) for n in range(100)]


async def test_after_a_pause_an_event_leaves_at_once(
    shop: tuple[AsyncDatabase, Outbox, NotedBroker], clock: FakeClock
) -> None:
    """No time passes between its commit and its way out."""
    database, _, broker = shop
    for n in range(5):
        committed_at = clock.elapsed_seconds
        await sell(database, n)
        await clock.sleep(0.2)
        assert broker.rounds[-1] == (committed_at, 1)


async def test_a_drain_does_not_wait_for_the_next_round(
    shop: tuple[AsyncDatabase, Outbox, NotedBroker], clock: FakeClock
) -> None:
    """What is committed right after a round leaves as soon as it is asked for."""
    database, outbox, broker = shop
    for n in range(5):
        await sell(database, n)
        await outbox.drain()

    assert clock.elapsed_seconds == 0
    assert broker.published == [Sold(n=n) for n in range(5)]


async def test_an_event_that_was_given_up_is_no_trouble_while_others_leave(
    shop: tuple[AsyncDatabase, Outbox, NotedBroker], clock: FakeClock
) -> None:
    """Nothing more comes of its key, and the relay has no moment to rest."""
    database, outbox, broker = shop
    async with database.transaction() as transaction:
        publish(transaction, Drawn(picture="x" * _LARGEST_BYTES))
    sold = 0
    parked_at = float("inf")
    while clock.elapsed_seconds < parked_at + 2:
        await sell(database, sold)
        sold += 1
        await clock.sleep(0.05)
        if parked_at == float("inf") and (await outbox.facts())["parked"]:
            parked_at = clock.elapsed_seconds

    assert len(broker.rounds) > 100
    await outbox.check()
