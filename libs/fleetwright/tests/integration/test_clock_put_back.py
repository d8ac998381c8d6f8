"""The time of day is put back: what was to wait until then does not."""

import asyncio
from random import Random

from sqlalchemy.ext.asyncio import AsyncSession

from fleetwright._clock import SystemClock, use_clock
from fleetwright.database import AsyncDatabase
from fleetwright.events import (
    Consumer,
    Event,
    Outbox,
    Redelivery,
    Subscriptions,
    connect,
    publish,
)
from fleetwright.events._parking import State

HOUR = 3600.0


class Placed(Event, topic="clock.placed"):
    """An order."""

    key: str
    n: int


class PutBack(SystemClock):
    """A clock that is ahead, until it is put right."""

    ahead_seconds = HOUR

    def now(self) -> float:
        """Return the time of day, wrong at first."""
        return super().now() + self.ahead_seconds


async def test_parked_events_do_not_wait_for_a_time_that_was_put_back() -> None:
    """Parked by a clock an hour ahead, tried again as soon as it is right."""
    heard: list[int] = []
    has_failed, is_done = asyncio.Event(), asyncio.Event()
    subscriptions = Subscriptions()

    @subscriptions.on(Placed, redelivery=Redelivery(first_seconds=60))
    async def keep(placed: Placed, transaction: AsyncSession) -> None:
        if not has_failed.is_set():
            has_failed.set()
            raise ValueError("once")
        heard.append(placed.n)
        if len(heard) == 2:
            is_done.set()

    database = AsyncDatabase("sqlite+aiosqlite://")
    broker = connect("memory://clock-put-back")
    with use_clock(PutBack()) as clock:
        assert isinstance(clock, PutBack)
        consumer = Consumer(database, broker, subscriptions, group="clock")
        outbox = Outbox(database, broker)
        async with asyncio.timeout(60):
            await consumer.open()
            await outbox.open()
            async with database.transaction() as transaction:
                publish(transaction, Placed(key="a", n=1))
                publish(transaction, Placed(key="a", n=2))
            await outbox.drain()
            while len(await consumer.parked()) < 2:  # noqa: ASYNC110 - a table
                await asyncio.sleep(0.01)

            clock.ahead_seconds = 0.0
            await is_done.wait()

        assert heard == [1, 2]
        assert [
            one for one in await consumer.parked() if one.state is State.RETRY
        ] == []
        for part in (outbox, consumer):
            await part.drain()
            await part.close()
        await broker.close()
        await database.close()


def test_longest_wait_is_that_of_the_schedule() -> None:
    """No wait is longer, whatever chance says; what was not tried does not wait."""
    redelivery = Redelivery(first_seconds=0.5)
    random = Random(1)  # noqa: S311 - chance, not a secret

    assert redelivery.longest_wait_seconds(0) == 0
    for attempts in range(1, redelivery.attempts):
        longest = redelivery.longest_wait_seconds(attempts)
        waits = [redelivery.wait_seconds(attempts, random) or 0 for _ in range(100)]
        assert longest / 2 < max(waits) <= longest
