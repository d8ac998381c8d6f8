"""Services around a broker: a shop that tells, processes that hear and keep a ledger.

Run as a program it is one such process, to be killed or paused by a test:
`python hearers.py BROKER_URL TOPIC GROUP DATABASE_URL PAUSE_SECONDS`.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from random import Random

from sqlalchemy import BigInteger, Column, Integer, MetaData, String, Table, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.schema import CreateTable

from fleetwright._context import Call, current_call
from fleetwright.database import AsyncDatabase
from fleetwright.errors import Unavailable
from fleetwright.events import (
    Broker,
    Consumer,
    Event,
    Outbox,
    Redelivery,
    Subscriptions,
    connect,
    publish,
)
from fleetwright.events._envelope import Message, encode

QUICK = Redelivery(attempts=9, first_seconds=0.01)
PATIENCE_SECONDS = 30.0
_LOOK_SECONDS = 0.02
_ID = BigInteger().with_variant(Integer(), "sqlite")
ledger = Table(
    "ledger",
    MetaData(),
    Column("i", _ID, primary_key=True, autoincrement=True),
    Column("grp", String, nullable=False),
    Column("key", String, nullable=False),
    Column("n", Integer, nullable=False),
    sqlite_autoincrement=True,
)
Effect = tuple[str, int]


class Happened(Event, topic="conformance.happened"):
    """The n-th thing that happened to something."""

    key: str
    n: int
    padding: str = ""


def declared(topic: str) -> type[Happened]:
    """Return the event on a topic of the test's own: servers outlive tests."""

    class Told(Happened, topic=topic):
        """The same, elsewhere."""

    return Told


def database(url: str) -> AsyncDatabase:
    """Return a database that survives processes: no test cuts the power."""
    return AsyncDatabase(url, synchronous="NORMAL")


def by_key(effects: Iterable[Effect]) -> dict[str, list[int]]:
    """Return what happened to each key, in order: nothing lost, doubled, overtaken."""
    found: dict[str, list[int]] = {}
    for key, n in effects:
        found.setdefault(key, []).append(n)
    return found


class Hearer:
    """One process of a group: a connection of its own to the broker and to its ledger.

    Attributes:
        consumer: The real one.
        tried: What the reaction was called with, whether or not it was committed.
        calls: The call each of these ran in.
        failing: Raised by the reaction to (key, n); each once where `heals` is set.
        heals: Whether a failure is gone after it was raised.
        pause_seconds: How long each reaction takes.
        slow: How long the reaction to (key, n) takes on top.
    """

    def __init__(
        self,
        broker: Broker,
        database: AsyncDatabase,
        kinds: Sequence[type[Happened]],
        group: str,
        *,
        redelivery: Redelivery = QUICK,
    ) -> None:
        """Describe the process; it hears nothing yet."""
        self.tried: list[Effect] = []
        self.calls: list[Call | None] = []
        self.failing: dict[Effect, Exception] = {}
        self.heals = True
        self.pause_seconds = 0.0
        self.slow: dict[Effect, float] = {}
        self._group = group
        self._broker = broker
        self._database = database
        subscriptions = Subscriptions()
        for kind in kinds:
            subscriptions.on(kind, redelivery=redelivery)(self._keep)
        self.consumer = Consumer(
            database,
            broker,
            subscriptions,
            group=group,
            random=Random(7),  # noqa: S311 - jitter
        )

    async def _keep(self, event: Happened, transaction: AsyncSession) -> None:
        effect = (event.key, event.n)
        self.tried.append(effect)
        self.calls.append(current_call())
        row = {"grp": self._group, "key": event.key, "n": event.n}
        await transaction.execute(ledger.insert().values(row))
        if seconds := self.pause_seconds + self.slow.get(effect, 0.0):
            await asyncio.sleep(seconds)
        if effect in self.failing:
            error = self.failing[effect]
            if self.heals:
                del self.failing[effect]
            raise error

    async def open(self) -> None:
        """Join the group."""
        await self._broker.open()
        await self.consumer.open()

    async def is_in(self) -> None:
        """Wait until it owns lanes: from then on nothing it hears of is missed."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not await self.lanes():  # noqa: ASYNC110 - told by another machine
                await asyncio.sleep(_LOOK_SECONDS)

    async def lanes(self) -> int:
        """Return how many lanes it owns."""
        return int(str((await self.consumer.facts())["lanes"]))

    async def outcomes(self) -> dict[str, int]:
        """Return how often its deliveries came to what."""
        outcomes = (await self.consumer.facts())["outcomes"]
        assert isinstance(outcomes, dict)
        return outcomes

    async def leave(self) -> None:
        """Stop as a service does: finish what was begun, then go."""
        await self.consumer.drain()
        await self.close()

    async def close(self) -> None:
        """Stop at once."""
        await self.consumer.close()
        await self._broker.close()
        await self._database.close()


class World:
    """A shop that tells, a bank that hears, and one broker between them.

    Attributes:
        broker_url: Where the broker is.
        bank_url: Where the ledger is.
        kind: The event the shop tells.
        group: The bank's name.
        broker: The shop's connection.
        outbox: The shop's relay, running.
        bank: The bank's database, for looking.
    """

    def __init__(
        self, broker_url: str, shop_url: str, bank_url: str, name: str
    ) -> None:
        """Describe a world; `name` is nobody else's."""
        self.broker_url = broker_url
        self.bank_url = bank_url
        self.kind = declared(f"shop.{name}")
        self.group = f"bank-{name}"
        self.broker = connect(broker_url)
        self.shop = database(shop_url)
        self.bank = database(bank_url)
        self.outbox = Outbox(self.shop, self.broker)
        self._hearers: list[Hearer] = []

    async def open(self) -> None:
        """Open the shop; make the ledger."""
        await self.broker.open()
        await self.outbox.open()
        async with self.bank.transaction() as transaction:
            await transaction.execute(CreateTable(ledger, if_not_exists=True))

    async def close(self) -> None:
        """Close everything."""
        for hearer in self._hearers:
            await hearer.close()
        await self.outbox.close()
        await self.broker.close()
        await self.shop.close()
        await self.bank.close()

    async def join(
        self,
        group: str = "",
        *,
        redelivery: Redelivery = QUICK,
        pause: float = 0.0,
        kinds: Sequence[type[Happened]] = (),
    ) -> Hearer:
        """Return a new process of a group, the bank's as a rule, that hears."""
        hearer = self.hearer(group, redelivery=redelivery, kinds=kinds)
        hearer.pause_seconds = pause
        await hearer.open()
        return hearer

    async def introduce(self) -> None:
        """Have the bank known to the broker: from then on nothing is unheard."""
        hearer = await self.join()
        await hearer.is_in()
        await hearer.leave()

    def hearer(
        self,
        group: str = "",
        *,
        redelivery: Redelivery = QUICK,
        kinds: Sequence[type[Happened]] = (),
    ) -> Hearer:
        """Return a new process of a group; it is not opened yet."""
        hearer = Hearer(
            connect(self.broker_url),
            database(self.bank_url),
            kinds or [self.kind],
            group or self.group,
            redelivery=redelivery,
        )
        self._hearers.append(hearer)
        return hearer

    async def tell(
        self, key: str, numbers: Iterable[int], kind: type[Happened] | None = None
    ) -> None:
        """Publish events of one key, each in a transaction of its own."""
        for n in numbers:
            async with self.shop.transaction() as transaction:
                publish(transaction, (kind or self.kind)(key=key, n=n))

    async def tell_all(self, keys: Sequence[str], count: int) -> dict[str, list[int]]:
        """Publish `count` events of each key by turns; return what is to be heard."""
        for n in range(count):
            async with self.shop.transaction() as transaction:
                for key in keys:
                    publish(transaction, self.kind(key=key, n=n))
        return {key: list(range(count)) for key in keys}

    async def put(self, *messages: Message) -> Mapping[str, str]:
        """Hand messages to the broker as a relay does: until it has taken them.

        Returns:
            What it refused.
        """
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                try:
                    return await self.broker.publish(messages)
                except Unavailable:
                    await asyncio.sleep(_LOOK_SECONDS)

    def message(self, key: str, n: int, padding: str = "") -> Message:
        """Return an event as it goes over the wire."""
        return encode(self.kind(key=key, n=n, padding=padding), source="shop")

    async def effects(self, group: str = "") -> list[Effect]:
        """Return what a group committed, in order."""
        rows = (
            select(ledger.c.key, ledger.c.n)
            .where(ledger.c.grp == (group or self.group))
            .order_by(ledger.c.i)
        )
        async with self.bank.reading() as session:
            return [(key, n) for key, n in await session.execute(rows)]

    async def until(
        self, count: int, group: str = "", *, seconds: float = PATIENCE_SECONDS
    ) -> dict[str, list[int]]:
        """Wait until a group committed so many effects; return all, by key."""
        async with asyncio.timeout(seconds):
            while len(effects := await self.effects(group)) < count:  # noqa: ASYNC110
                await asyncio.sleep(_LOOK_SECONDS)
        return by_key(effects)

    @asynccontextmanager
    async def process(self, *, pause_seconds: float) -> AsyncIterator["Process"]:
        """Run a member of the bank as a process of its own; kill it after the block."""
        words = (self.broker_url, self.kind.__topic__, self.group, self.bank_url)
        running = await asyncio.create_subprocess_exec(
            *(sys.executable, __file__, *words, str(pause_seconds))
        )
        try:
            yield running
        finally:
            if running.returncode is None:
                running.kill()
            await running.wait()


Process = asyncio.subprocess.Process


@asynccontextmanager
async def opened(world: World) -> AsyncIterator[World]:
    """Open a world and close it after the block, whatever happened in it."""
    try:
        await world.open()
        yield world
    finally:
        await world.close()


async def hear_until_killed(
    broker_url: str, topic: str, group: str, database_url: str, pause_seconds: float
) -> None:
    """Be a process of a group."""
    broker = connect(broker_url)
    hearer = Hearer(broker, database(database_url), [declared(topic)], group)
    hearer.pause_seconds = pause_seconds
    await hearer.open()
    await asyncio.Event().wait()


if __name__ == "__main__":
    told = sys.argv[1:]
    asyncio.run(hear_until_killed(told[0], told[1], told[2], told[3], float(told[4])))
