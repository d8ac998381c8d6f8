"""A shop that publishes and a bank that hears."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from sqlalchemy import text

from fleetwright.database import AsyncDatabase
from fleetwright.events import (
    Consumer,
    Event,
    Outbox,
    Redelivery,
    publish,
)

QUICK = Redelivery(attempts=9, first_seconds=0.01)
SHORT = Redelivery(attempts=3, first_seconds=0.01)
RELEASING = Redelivery(attempts=1, on_dead="release")


class Placed(Event, topic="orders.placed"):
    """The n-th thing that happened to an order."""

    order_id: str
    n: int


class Released(Event, topic="orders.released"):
    """The same, on a topic whose dead let others go on."""

    order_id: str
    n: int


class Fragile(Event, topic="orders.fragile"):
    """The same, on a topic that is given up soon."""

    order_id: str
    n: int


@dataclass
class World:
    """Two services around a broker.

    Attributes:
        shop: The publisher's database.
        bank: The hearer's database.
        outbox: The publisher's relay.
        consumer: The hearer.
        failing: Raised by the reaction to `n` while it is in here.
        heard: What reactions saw, whether or not they were committed.
    """

    shop: AsyncDatabase
    bank: AsyncDatabase
    outbox: Outbox
    consumer: Consumer
    failing: dict[int, Exception] = field(default_factory=dict)
    heard: list[int] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def tell(self, *numbers: int, order_id: str = "a") -> None:
        """Publish events of one key, each in a transaction of its own."""
        for n in numbers:
            async with self.shop.transaction() as transaction:
                publish(transaction, Placed(order_id=order_id, n=n))

    async def effects(self) -> list[int]:
        """Return what was committed, in order."""
        async with self.bank.reading() as session:
            rows = await session.execute(text("select n from ledger order by i"))
            return [n for (n,) in rows]

    async def until(self, is_true: Callable[[list[int]], bool]) -> list[int]:
        """Wait until the committed effects are as wanted."""
        async with asyncio.timeout(60):
            while not is_true(effects := await self.effects()):
                self.news.clear()
                try:
                    async with asyncio.timeout(0.05):
                        await self.news.wait()
                except TimeoutError:
                    continue
        return effects
