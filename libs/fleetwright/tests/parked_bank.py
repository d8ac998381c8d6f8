"""A bank of which events are parked, and what it is told."""

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from fleetwright.database import AsyncDatabase
from fleetwright.events import Consumer, Event, Subscriptions
from fleetwright.events import _inbox as inbox
from fleetwright.events import _parking as parking
from fleetwright.events._broker import Delivery
from fleetwright.events._envelope import encode
from fleetwright.events._redeliverer import Redeliverer
from fleetwright.events.brokers._memory import MemoryBroker


class Placed(Event, topic="orders.placed"):
    """The n-th thing that happened to an order."""

    order_id: str
    n: int


@dataclass
class Bank:
    """A group that hears, with as many workers as a test wants.

    Attributes:
        database: Where the effects are.
        group: Who hears; another one in each test.
        subscriptions: What is heard.
        failing: Numbers whose reaction raises.
        running: Set when the reaction to the number has written its effect.
        held: The reaction to the number waits for this before it ends.
    """

    database: AsyncDatabase
    group: str = field(default_factory=lambda: f"bank-{secrets.token_hex(4)}")
    subscriptions: Subscriptions = field(default_factory=Subscriptions)
    failing: set[int] = field(default_factory=set)
    running: dict[int, asyncio.Event] = field(default_factory=dict)
    held: dict[int, asyncio.Event] = field(default_factory=dict)

    def worker(self) -> Consumer:
        """Return one more process of the group, as it were."""
        broker = MemoryBroker()
        return Consumer(self.database, broker, self.subscriptions, group=self.group)

    def redeliverer(self) -> Redeliverer:
        """Return what tries parked events again; it is not started."""
        chance = Random(7)  # noqa: S311 - no secret
        return Redeliverer(self.database, self.subscriptions, self.group, chance)

    async def keep(self, event: Placed, transaction: AsyncSession) -> None:
        """Write the effect; fail or wait where the test says so."""
        insert = text("insert into parked_order_ledger(grp, n) values (:grp, :n)")
        await transaction.execute(insert, {"grp": self.group, "n": event.n})
        if event.n in self.running:
            self.running[event.n].set()
        if event.n in self.held:
            await self.held[event.n].wait()
        if event.n in self.failing:
            raise RuntimeError("bank is shut")

    async def effects(self) -> list[int]:
        """Return what was committed, in order."""
        question = "select n from parked_order_ledger where grp=:grp order by i"
        async with self.database.reading() as session:
            rows = await session.execute(text(question), {"grp": self.group})
            return [n for (n,) in rows]

    async def parked(self) -> Sequence[parking.Parked]:
        """Return what is parked."""
        return await self.worker().parked()

    async def hold(self, delivery: Delivery) -> inbox.Hold:
        """Become the owner of a lane."""
        async with self.database.transaction() as transaction:
            return await inbox.take_lane(
                transaction, self.group, delivery.stream, delivery.lane
            )


def told(*numbers: int, key: str = "a", epoch: int = 1) -> list[Delivery]:
    """Return events of one key as they come in."""
    made = []
    for position, n in enumerate(numbers, 1):
        message = encode(Placed(order_id=key, n=n), source="shop")
        made.append(Delivery(message, message.lane, epoch, position))
    return made
