"""Events, from the transaction they are published in to the one they are heard in."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from typing import cast

import pytest
from shop_and_bank import QUICK, RELEASING, SHORT, Fragile, Placed, Released, World
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
    Subscriptions,
    connect,
    publish,
)
from fleetwright.events._broker import Delivery
from fleetwright.events._envelope import MOST_BODY_BYTES, Message, encode
from fleetwright.events._parking import State
from fleetwright.events._settling import Outcome
from fleetwright.events.brokers._embedded import EmbeddedBroker


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
    async with asyncio.timeout(60):
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

    async with asyncio.timeout(60):
        heard = await receiver.receive(10)
    await receiver.close()

    keeps = isinstance(broker, EmbeddedBroker)
    numbers = [Placed.model_validate_json(one.message.body).n for one in heard]
    assert numbers == ([1, 2] if keeps else [2])


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
    async with asyncio.timeout(60):
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
    async with asyncio.timeout(60):
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
