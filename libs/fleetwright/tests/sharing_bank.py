"""A bank that hears orders, and what its transactions are asked in tests."""

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from fleetwright.database import AsyncDatabase
from fleetwright.events import Consumer, Event, Redelivery, Subscriptions
from fleetwright.events._broker import Delivery
from fleetwright.events._envelope import encode
from fleetwright.events._settling import Settler
from fleetwright.events._tables import (
    CONSUMER_TABLES,
    PRODUCER_TABLES,
    ensure,
    inbox,
    outbox,
)
from fleetwright.events.brokers._memory import MemoryBroker


class _Rows(DeclarativeBase):
    """The tables of the bank."""


class Entry(_Rows):
    """One effect, written in the order of the transactions."""

    __tablename__ = "shared_ledger"
    i: Mapped[int] = mapped_column(primary_key=True)
    grp: Mapped[str]
    n: Mapped[int]


ledger = Entry.metadata.tables["shared_ledger"]
Reacts = Callable[["Placed", AsyncSession], Awaitable[None]]


class Placed(Event, topic="orders.placed"):
    """Something that happened to an order."""

    order_id: str
    n: int


class Noted(Event, topic="bank.noted"):
    """What the bank tells in turn."""

    order_id: str
    n: int


@dataclass
class Bank:
    """A group that writes what it hears.

    Attributes:
        database: Where the effects are.
        then: What the reaction to a number does after its effect.
        heard: The numbers of the reactions, in the order they ran.
        commits: How many transactions were committed by now, as the test counts them.
    """

    database: AsyncDatabase
    group: str = field(default_factory=lambda: f"bank-{secrets.token_hex(4)}")
    then: dict[int, Reacts] = field(default_factory=dict)
    heard: list[int] = field(default_factory=list)
    subscriptions: Subscriptions = field(default_factory=Subscriptions)

    def __post_init__(self) -> None:
        """Hear orders."""
        self.subscriptions.on(Placed, redelivery=Redelivery(9, 60.0))(self.keep)

    async def keep(self, event: Placed, transaction: AsyncSession) -> None:
        """Write the effect, then do what the test says."""
        self.heard.append(event.n)
        await transaction.execute(insert(ledger).values(grp=self.group, n=event.n))
        if event.n in self.then:
            await self.then[event.n](event, transaction)

    def settler(self) -> Settler:
        """Return what settles deliveries of the group."""
        chance = Random(7)  # noqa: S311 - no secret
        return Settler(
            self.database,
            self.subscriptions,
            self.group,
            chance,
            on_parked=lambda: None,
        )

    async def settle(self, deliveries: Sequence[Delivery]) -> list[int]:
        """Settle deliveries; return the numbers that may be acknowledged."""
        done: dict[int, Delivery] = {}
        await self.settler().settle_all(deliveries, done, goes_on=lambda: True)
        return [number(one) for one in deliveries if id(one) in done]

    async def effects(self) -> list[int]:
        """Return what was committed, in order."""
        question = select(ledger.c.n).where(ledger.c.grp == self.group)
        async with self.database.reading() as session:
            return list(await session.scalars(question.order_by(ledger.c.i)))

    async def known(self) -> int:
        """Return how many deliveries are recorded."""
        async with self.database.reading() as session:
            question = select(inbox.c.msg_id).where(inbox.c.grp == self.group)
            return len(list(await session.scalars(question)))

    async def noted(self) -> list[int]:
        """Return the numbers of what was published, in order."""
        question = select(outbox.c.body).where(outbox.c.key == self.group)
        async with self.database.reading() as session:
            bodies = await session.scalars(question.order_by(outbox.c.seq))
            return [Noted.model_validate_json(bytes(body)).n for body in bodies]

    def parked(self) -> Awaitable[Sequence[object]]:
        """Return what waits for another try."""
        return Consumer(
            self.database, MemoryBroker(), self.subscriptions, group=self.group
        ).parked()


def told(*numbers: int, key: str = "") -> list[Delivery]:
    """Return deliveries, each of a key of its own unless one is given."""
    made = []
    for position, n in enumerate(numbers, 1):
        event = Placed(order_id=key or f"order-{n}", n=n)
        message = encode(event, source="shop")
        made.append(Delivery(message, message.lane, 1, position))
    return made


def number(delivery: Delivery) -> int:
    """Return the number a delivery carries."""
    return Placed.model_validate_json(delivery.message.body).n


async def fail(event: Placed, transaction: AsyncSession) -> None:
    """Fail after the effect."""
    raise RuntimeError("bank is shut")


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Bank]:
    """Give a bank with its tables."""
    database = AsyncDatabase(url)
    await ensure(database, CONSUMER_TABLES)
    await ensure(database, PRODUCER_TABLES)
    async with database.engine.begin() as connection:
        await connection.run_sync(ledger.metadata.create_all)
    yield Bank(database)
    await database.close()
