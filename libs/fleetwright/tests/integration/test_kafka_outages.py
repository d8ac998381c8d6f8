"""Kafka goes away: killed, frozen, down at the start, a topic deleted under a group."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from time import monotonic
from uuid import uuid4

import pytest
from confluent_kafka.admin import AdminClient
from servers import OwnServer
from stolen import stolen_time

from fleetwright.errors import Unavailable
from fleetwright.events._broker import Receiver
from fleetwright.events._envelope import Message, new_id
from fleetwright.events.brokers._kafka import KafkaBroker

PATIENCE_SECONDS = 60.0
BATCH = 32


@pytest.fixture
async def broker(own_kafka: OwnServer) -> AsyncIterator[KafkaBroker]:
    """Give a connection to a Kafka that may be killed."""
    broker = KafkaBroker(f"{own_kafka.url}?session_seconds=6")
    await broker.open()
    yield broker
    await broker.close()


@pytest.fixture
def topic() -> str:
    """Give a topic nobody else uses."""
    return f"test.{uuid4().hex[:12]}"


def message(topic: str, number: int) -> Message:
    """Return a message that says its number, of one of eleven keys."""
    return Message(new_id(), topic, f"k{number % 11}", {}, str(number).encode())


async def put(broker: KafkaBroker, messages: Sequence[Message]) -> None:
    """Publish as a relay does: all of it again until it is confirmed."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            try:
                assert await broker.publish(messages) == {}
            except Unavailable:
                await asyncio.sleep(0.05)
            else:
                return


async def checked(broker: KafkaBroker) -> None:
    """Check a connection until that fails."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            await broker.check()
            await asyncio.sleep(0.05)


class Traffic:
    """Publishes and hears at the same time, until it is told to stop."""

    def __init__(self, broker: KafkaBroker, topic: str, receiver: Receiver) -> None:
        """Begin."""
        self.published = 0
        self.heard: list[int] = []
        self._broker, self._topic, self._receiver = broker, topic, receiver
        self._is_over = False
        self._changed = asyncio.Condition()
        self._telling = asyncio.create_task(self._tell())
        self._hearing = asyncio.create_task(self._hear())

    async def _tell(self) -> None:
        while not self._is_over:
            numbers = range(self.published, self.published + BATCH)
            await put(self._broker, [message(self._topic, n) for n in numbers])
            self.published += BATCH

    async def _hear(self) -> None:
        while True:
            some = await self._receiver.receive(100)
            self.heard += [int(it.message.body) for it in some]
            await self._receiver.acknowledge(some)
            async with self._changed:
                self._changed.notify_all()

    async def until(self, so: Callable[[], bool]) -> None:
        """Wait for something that hearing brings about."""
        async with asyncio.timeout(PATIENCE_SECONDS), self._changed:
            await self._changed.wait_for(so)

    async def go_on(self) -> None:
        """Wait until more is published and heard than now."""
        least = self.published + 3 * BATCH
        await self.until(lambda: bool(self.heard) and max(self.heard) > least)

    async def stop(self) -> None:
        """Publish no more, and hear what is published."""
        self._is_over = True
        await self._telling
        await self.until(lambda: len(set(self.heard)) == self.published)
        self._hearing.cancel()

    def out_of_order(self) -> list[int]:
        """Return what was first heard after a later one of its key."""
        wrong, last = [], dict.fromkeys(range(11), -1)
        for number in dict.fromkeys(self.heard):
            if number < last[number % 11]:
                wrong.append(number)
            last[number % 11] = max(number, last[number % 11])
        return wrong


async def test_killed_kafka_loses_nothing_and_reorders_nothing(
    own_kafka: OwnServer, broker: KafkaBroker, topic: str
) -> None:
    """While it publishes and hears; what was confirmed is heard, in order per key."""
    traffic = Traffic(broker, topic, await broker.subscribe(f"g-{topic}", [topic]))
    await traffic.go_on()

    await asyncio.to_thread(own_kafka.kill)
    with pytest.raises(Unavailable, match="Connection refused"):
        await checked(broker)
    await asyncio.to_thread(own_kafka.start)
    await traffic.go_on()
    await traffic.stop()

    assert traffic.out_of_order() == []
    await broker.check()


async def test_frozen_kafka_holds_up_nobody_for_long(
    own_kafka: OwnServer, broker: KafkaBroker, topic: str
) -> None:
    """Publishing ends with an error in time; nothing is lost or reordered after."""
    traffic = Traffic(broker, topic, await broker.subscribe(f"g-{topic}", [topic]))
    await traffic.go_on()

    await asyncio.to_thread(own_kafka.pause)
    began = monotonic()
    async with stolen_time() as stolen:
        with pytest.raises(Unavailable):
            while True:
                await broker.publish([message(topic, 0)])
    took = monotonic() - began - stolen.seconds
    with pytest.raises(Unavailable):
        await checked(broker)
    await asyncio.to_thread(own_kafka.resume)
    await traffic.go_on()
    await traffic.stop()

    assert took < 15
    assert traffic.out_of_order() == []


async def test_kafka_that_is_down_at_the_start_is_waited_for(
    own_kafka: OwnServer, topic: str
) -> None:
    """Opening and subscribing do not fail; publishing and the check do, at once."""
    await asyncio.to_thread(own_kafka.stop)
    broker = KafkaBroker(own_kafka.url)
    began = monotonic()

    async with stolen_time() as stolen:
        await broker.open()
        receiver = await broker.subscribe(f"g-{topic}", [topic])
        with pytest.raises(Unavailable, match="Connection refused"):
            await broker.publish([message(topic, 1)])
        with pytest.raises(Unavailable, match="Connection refused"):
            await broker.check()
    took = monotonic() - began - stolen.seconds
    await asyncio.to_thread(own_kafka.start)
    await put(broker, [message(topic, 1)])

    async with asyncio.timeout(PATIENCE_SECONDS):
        assert [it.message.body for it in await receiver.receive(9)] == [b"1"]
    assert took < 5
    await broker.close()


async def test_deleted_topic_is_made_anew_and_heard(
    own_kafka: OwnServer, broker: KafkaBroker, topic: str
) -> None:
    """Who publishes and who hears go on by themselves."""
    traffic = Traffic(broker, topic, await broker.subscribe(f"g-{topic}", [topic]))
    await traffic.go_on()

    admin = AdminClient({"bootstrap.servers": own_kafka.url.removeprefix("kafka://")})
    await asyncio.to_thread(admin.delete_topics([topic])[topic].result)
    before = traffic.published
    await traffic.until(lambda: max(traffic.heard) > before + 4 * BATCH)

    assert traffic.out_of_order() == []
