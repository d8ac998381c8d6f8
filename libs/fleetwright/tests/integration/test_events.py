"""Events, from the transaction they are published in to the one they are heard in."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import cast

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from fleetwright._context import current_call
from fleetwright.database import AsyncDatabase
from fleetwright.errors import FleetwrightError, Unavailable
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
from fleetwright.events._broker import Delivery, Receiver
from fleetwright.events._envelope import MOST_BODY_BYTES, Message, encode
from fleetwright.events._parking import State
from fleetwright.events._settling import Outcome
from fleetwright.events.brokers._embedded import EmbeddedBroker
from fleetwright.events.brokers._embedded_file import EmbeddedFile

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
        async with asyncio.timeout(10):
            while not is_true(effects := await self.effects()):
                self.news.clear()
                try:
                    async with asyncio.timeout(0.05):
                        await self.news.wait()
                except TimeoutError:
                    continue
        return effects


def delivery(event: Event, position: int = 1, epoch: int = 1) -> Delivery:
    """Return an event as it comes in."""
    message = encode(event, source="shop")
    return Delivery(message, message.lane, epoch, position)


@pytest.fixture(params=["memory", "embedded"])
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Broker:
    """Return each broker in turn."""
    return connect(
        "memory://" if request.param == "memory" else f"embedded:///{tmp_path}/b.db"
    )


@pytest.fixture
async def world(broker: Broker, tmp_path: Path) -> AsyncIterator[World]:
    """Return a shop that publishes and a bank that hears, not yet opened."""
    shop = AsyncDatabase(f"sqlite+aiosqlite:///{tmp_path}/shop.db")
    bank = AsyncDatabase(f"sqlite+aiosqlite:///{tmp_path}/bank.db")
    subscriptions, chance = Subscriptions(), Random(7)  # noqa: S311 - no secret
    consumer = Consumer(bank, broker, subscriptions, group="bank", random=chance)
    made = World(shop, bank, Outbox(shop, broker), consumer)

    async def keep(
        event: Placed | Released | Fragile, transaction: AsyncSession
    ) -> None:
        insert = text("insert into ledger(n) values (:n)")
        await transaction.execute(insert, {"n": event.n})
        made.heard.append(event.n)
        made.news.set()
        if event.n in made.failing:
            raise made.failing[event.n]

    subscriptions.on(Placed, redelivery=QUICK)(keep)
    subscriptions.on(Fragile, redelivery=SHORT)(keep)
    subscriptions.on(Released, redelivery=RELEASING)(keep)
    await broker.open()
    async with bank.transaction() as transaction:
        await transaction.execute(text("create table ledger(i integer primary key, n)"))
    yield made
    await consumer.close()
    await made.outbox.close()
    await broker.close()
    await bank.close()
    await shop.close()


@pytest.fixture
async def fleet(world: World) -> World:
    """Return the world with both services running."""
    await world.consumer.open()
    await world.outbox.open()
    return world


async def test_what_is_committed_is_heard_in_order(fleet: World) -> None:
    """Each event has one effect, in the order of its key."""
    await fleet.tell(*range(50))

    assert await fleet.until(lambda seen: len(seen) >= 50) == list(range(50))
    assert (await fleet.outbox.facts())["published"] == 50


async def test_what_is_rolled_back_is_never_heard(fleet: World) -> None:
    """An event is told with its change or not at all; a savepoint counts too."""
    with pytest.raises(KeyError):
        async with fleet.shop.transaction() as transaction:
            publish(transaction, Placed(order_id="a", n=1))
            raise KeyError
    async with fleet.shop.transaction() as transaction:
        publish(transaction, Placed(order_id="a", n=2))
        savepoint = await transaction.begin_nested()
        publish(transaction, Placed(order_id="a", n=3))
        await savepoint.rollback()
    await fleet.tell(4)

    assert await fleet.until(lambda seen: 4 in seen) == [2, 4]


async def test_publishing_needs_a_transaction(world: World) -> None:
    """Outside of one there is no commit to be told with."""
    async with AsyncSession(world.shop.engine) as session:
        with pytest.raises(FleetwrightError, match="none is open"):
            publish(session, Placed(order_id="a", n=1))


async def test_a_failing_event_holds_back_its_key_only(fleet: World) -> None:
    """Later events of the key wait behind it, others go on; then all come in order."""
    fleet.failing[1] = RuntimeError("bank is shut")
    await fleet.tell(1, 2, 3)
    await fleet.tell(100, order_id="b")
    await fleet.until(lambda seen: 100 in seen)

    del fleet.failing[1]

    seen = await fleet.until(lambda seen: len(seen) >= 4)
    assert [n for n in seen if n < 100] == [1, 2, 3]


async def test_a_dead_event_blocks_its_key_until_it_is_redriven(fleet: World) -> None:
    """After its last attempt it waits for a person; revived, it counts once."""
    fleet.failing[1] = RuntimeError("never")
    async with fleet.shop.transaction() as transaction:
        publish(transaction, Fragile(order_id="a", n=1))
        publish(transaction, Fragile(order_id="a", n=2))
    async with asyncio.timeout(10):
        while (await fleet.consumer.facts())["dead"] != 1:  # noqa: ASYNC110 - a table
            await asyncio.sleep(0.01)
    parked = await fleet.consumer.parked()
    assert [one.state for one in parked] == [State.DEAD, State.RETRY]
    assert parked[0].error == "RuntimeError: never"
    assert parked[0].attempts == SHORT.attempts

    fleet.failing.clear()

    assert await fleet.consumer.redrive(parked[0].message.id) == 1
    assert await fleet.until(lambda seen: len(seen) >= 2) == [1, 2]


async def test_a_dead_event_may_let_others_go_on(fleet: World) -> None:
    """With on_dead="release" later events of the key do not wait."""
    fleet.failing[1] = RuntimeError("never")

    first = await fleet.consumer.deliver(delivery(Released(order_id="a", n=1), 1))
    second = await fleet.consumer.deliver(delivery(Released(order_id="a", n=2), 2))

    assert (first, second) == (Outcome.DEAD, Outcome.HANDLED)


async def test_a_passing_failure_is_tried_again_at_once(fleet: World) -> None:
    """What is merely unavailable gets two quick tries before it is parked."""
    fleet.failing[1] = Unavailable("busy", reason="connect")
    handling = asyncio.create_task(
        fleet.consumer.deliver(delivery(Placed(order_id="a", n=1)))
    )
    await fleet.news.wait()
    fleet.failing.clear()

    assert await handling is Outcome.HANDLED
    assert fleet.heard == [1, 1]
    assert await fleet.effects() == [1]


async def test_a_delivery_that_comes_twice_has_one_effect(fleet: World) -> None:
    """The second one is recognised in the transaction of its reaction."""
    coming = delivery(Placed(order_id="a", n=1))

    outcomes = [await fleet.consumer.deliver(coming) for _ in range(2)]

    assert outcomes == [Outcome.HANDLED, Outcome.DUPLICATE]
    assert await fleet.effects() == [1]


async def test_a_message_that_cannot_be_read_is_dead_at_once(fleet: World) -> None:
    """Trying again changes nothing; it is kept for a person to look at."""
    good = encode(Placed(order_id="a", n=1), source="shop")
    message = Message(good.id, good.topic, good.key, good.headers, b"poison \xff")

    outcome = await fleet.consumer.deliver(Delivery(message, message.lane, 1, 1))

    assert outcome is Outcome.DEAD
    assert bytes((await fleet.consumer.parked())[0].message.body) == b"poison \xff"


async def test_a_topic_nobody_reacts_to_is_set_aside(fleet: World) -> None:
    """A group that stopped hearing a topic is not held up by what was pending."""

    class Other(Event, topic="other.topic"):
        n: int

    coming = delivery(Other(n=1))

    assert await fleet.consumer.deliver(coming) is Outcome.UNHEARD
    kept = await fleet.consumer.parked()
    assert [(one.message, one.state) for one in kept] == [
        (coming.message, State.UNHEARD)
    ]


async def test_a_reaction_knows_the_call_that_caused_it(world: World) -> None:
    """The call id and the caller travel with the event."""
    seen: list[tuple[str, str | None]] = []
    subscriptions = Subscriptions()

    @subscriptions.on(Placed)
    async def look(event: Placed, transaction: AsyncSession) -> None:
        call = current_call()
        assert call is not None
        seen.append((call.service, call.caller))

    consumer = Consumer(world.bank, world.consumer.broker, subscriptions, group="bank")
    await consumer.open()
    await consumer.deliver(delivery(Placed(order_id="a", n=1)))
    await consumer.close()

    assert seen == [("bank", "shop")]


async def test_a_late_group_hears_what_is_kept(fleet: World) -> None:
    """The embedded broker keeps messages; the one in memory does not."""
    await fleet.tell(1)
    await fleet.until(lambda seen: 1 in seen)
    broker = fleet.consumer.broker
    receiver = await broker.subscribe("late", ["orders.placed"])
    await fleet.tell(2)
    await fleet.outbox.drain()

    async with asyncio.timeout(5):
        heard = await receiver.receive(10)
    await receiver.close()

    keeps = isinstance(broker, EmbeddedBroker)
    numbers = [Placed.model_validate_json(one.message.body).n for one in heard]
    assert numbers == ([1, 2] if keeps else [2])


async def test_a_message_published_twice_is_delivered_once(broker: Broker) -> None:
    """The broker knows ids; a relay that died before its delete does no harm."""
    await broker.open()
    receiver = await broker.subscribe("bank", ["orders.placed"])
    message = encode(Placed(order_id="a", n=1), source="shop")

    await broker.publish([message])
    await broker.publish([message])

    assert len(await receiver.receive(10)) == 1
    await receiver.close()
    await broker.close()


async def test_what_is_not_acknowledged_comes_again(broker: Broker) -> None:
    """A receiver that dies has lost nothing for its group."""
    await broker.open()
    dying = await broker.subscribe("bank", ["orders.placed"])
    await broker.publish([encode(Placed(order_id="a", n=1), source="shop")])
    first = await dying.receive(10)
    await dying.close()

    heir = await broker.subscribe("bank", ["orders.placed"])
    again = await heir.receive(10)
    await heir.acknowledge(again)
    await heir.close()
    await broker.close()

    assert [one.message.id for one in first] == [one.message.id for one in again]
    assert again[0].epoch > first[0].epoch


async def test_two_members_share_the_lanes(tmp_path: Path) -> None:
    """A member that joins gets its half at once, one that leaves gives it back."""
    broker = EmbeddedBroker(f"{tmp_path}/b.db")
    await broker.open()
    one = await broker.subscribe("bank", ["orders.placed"])
    waiting = asyncio.create_task(one.receive(10))
    two = await broker.subscribe("bank", ["orders.placed"])
    await lanes(one, 8)
    await lanes(two, 8)

    await two.close()
    await lanes(one, 16)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await one.close()
    await broker.close()


async def lanes(receiver: Receiver, count: int) -> None:
    """Wait until a receiver owns that many lanes."""
    async with asyncio.timeout(5):
        while len(receiver.lanes) != count:  # noqa: ASYNC110 - another task changes it
            await asyncio.sleep(0.01)


async def test_an_event_the_broker_refuses_is_given_up_in_the_end(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten refusals, then it is parked in the outbox and its lane goes on."""
    monkeypatch.setattr("fleetwright.events._outbox.POLL_SECONDS", 0.01)
    monkeypatch.setattr("fleetwright.events._envelope.MOST_BODY_BYTES", 2**30)
    if not isinstance(world.outbox.broker, EmbeddedBroker):
        return
    await world.outbox.open()
    async with world.shop.transaction() as transaction:
        publish(transaction, Placed(order_id="x" * (MOST_BODY_BYTES + 1), n=1))
    async with asyncio.timeout(10):
        while not (await world.outbox.facts())["parked"]:  # noqa: ASYNC110 - a table
            await asyncio.sleep(0.01)

    assert (await world.outbox.facts())["pending"] == 0


async def test_a_relay_waits_out_a_broker_that_is_down(world: World) -> None:
    """Nothing is lost while the broker does not answer, and nothing is dropped."""
    broker = Flaky(world.outbox.broker)
    world.outbox.broker = cast(Broker, broker)
    await world.consumer.open()
    await world.outbox.open()
    broker.is_down = True
    await world.tell(1, 2)
    async with asyncio.timeout(5):
        await broker.was_asked.wait()
    assert (await world.outbox.facts())["pending"] == 2

    broker.is_down = False

    assert await world.until(lambda seen: len(seen) >= 2) == [1, 2]


class Flaky:
    """A broker that can be down."""

    def __init__(self, broker: Broker) -> None:
        """Pass on to a broker that is up."""
        self._broker = broker
        self.is_down = False
        self.was_asked = asyncio.Event()

    def __getattr__(self, name: str) -> object:
        """Pass on what is not ours."""
        return getattr(self._broker, name)

    async def publish(self, messages: list[Message]) -> object:
        """Fail while down."""
        if self.is_down:
            self.was_asked.set()
            raise Unavailable("down", reason="connect")
        return await self._broker.publish(messages)


async def test_draining_leaves_nothing_half_done(fleet: World) -> None:
    """What was committed is carried, what was begun is finished and acknowledged."""
    await fleet.tell(*range(20))

    await fleet.outbox.drain()
    facts = await fleet.outbox.facts()
    await fleet.until(lambda seen: len(seen) >= 20)
    await fleet.consumer.drain()

    assert facts["pending"] == 0
    assert fleet.heard == list(range(20))


async def test_parts_say_whether_they_run(world: World) -> None:
    """Readiness sees a relay or a consumer that is not running."""
    for part in (world.outbox, world.consumer):
        with pytest.raises(FleetwrightError, match="restart the service"):
            await part.check()
        await part.open()
        await part.check()


async def test_a_consumer_without_a_name_is_told(world: World) -> None:
    """Neither a group nor a service: nobody would know whose events these are."""
    nameless = Consumer(world.bank, world.consumer.broker, Subscriptions())

    with pytest.raises(FleetwrightError, match="add it to a Service"):
        await nameless.open()


def test_old_messages_are_forgotten_unless_somebody_waits(tmp_path: Path) -> None:
    """Retention is bounded by age and number, never against a pending delivery."""
    file = EmbeddedFile(f"{tmp_path}/b.db")
    file.subscribe("bank", ["orders.placed"])
    file.publish([encode(Placed(order_id="a", n=1), source="shop")])
    file.publish([encode(Released(order_id="a", n=2), source="shop")])

    assert file.purge(keep_seconds=0, keep_messages=0) == 1
    owned, _, _ = file.tend("bank", "me", may_release=True)
    assert len(file.read("bank", owned, 10)) == 1
    file.close()


async def test_a_broker_that_is_not_open_is_told(tmp_path: Path) -> None:
    """The mend says what to add to the service."""
    broker = EmbeddedBroker(f"{tmp_path}/b.db")

    with pytest.raises(FleetwrightError, match="not open"):
        await broker.check()
    await broker.close()


async def test_a_missing_folder_stops_the_broker_with_a_mend(tmp_path: Path) -> None:
    """A wrong BROKER_URL is one error of three parts."""
    broker = EmbeddedBroker(f"{tmp_path}/no/b.db")

    with pytest.raises(FleetwrightError, match="mkdir -p"):
        await broker.open()
