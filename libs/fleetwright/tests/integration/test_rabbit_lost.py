"""A RabbitMQ that dies, freezes, closes connections: nothing is lost."""

import asyncio
from collections.abc import AsyncIterator, Callable
from itertools import count

import pytest
from rabbit_api import Administrator
from servers import OwnServer
from stolen import Stolen, stolen_time

from fleetwright.errors import Unavailable
from fleetwright.events._broker import Receiver
from fleetwright.events._envelope import Message, new_id
from fleetwright.events.brokers._rabbit import RabbitBroker

_numbers = count(1)
_LONGEST_SECONDS = 60  # the server starts anew within
SETTLED_SECONDS = 2.0  # see 0011-brokers.md: a queue that is younger may be lost


class Traffic:
    """A publisher that tries again as the outbox does, and a group that hears."""

    def __init__(self, url: str) -> None:
        """Describe the traffic."""
        self.topic = f"orders.placed{next(_numbers)}"
        self.group = f"payments{next(_numbers)}"
        self.shop, self.bank = RabbitBroker(url), RabbitBroker(url)
        self.sent: list[str] = []
        self.heard: list[str] = []
        self.said: set[str] = set()
        self.longest_seconds = 0.0  # what others on the machine took from us taken off
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        """Connect, and begin."""
        await self.shop.open()
        await self.bank.open()
        receiver = await self.bank.subscribe(self.group, [self.topic])
        await asyncio.sleep(SETTLED_SECONDS)
        self._tasks = [
            asyncio.create_task(self._publish()),
            asyncio.create_task(self._hear(receiver)),
        ]
        await self.more()

    async def close(self) -> None:
        """Stop everything."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.shop.close()
        await self.bank.close()

    async def _publish(self) -> None:
        async with stolen_time() as stolen:
            await self._publish_on(stolen)

    async def _publish_on(self, stolen: Stolen) -> None:
        loop = asyncio.get_running_loop()
        while True:
            batch = [self._message(key) for key in ("one", "one", "two", "three")]
            while batch:
                began = loop.time() - stolen.seconds
                try:
                    refused = await self.shop.publish(batch)
                except Unavailable as error:
                    self.said.add(error.message)
                    await asyncio.sleep(0.1)
                else:
                    self.sent += [one.id for one in batch if one.id not in refused]
                    batch = [one for one in batch if one.id in refused]
                took = loop.time() - stolen.seconds - began
                self.longest_seconds = max(self.longest_seconds, took)
            await asyncio.sleep(0.02)

    def _message(self, key: str) -> Message:
        return Message(new_id(), self.topic, key, {"partitionkey": key}, b"{}")

    async def _hear(self, receiver: Receiver) -> None:
        while True:
            deliveries = await receiver.receive(100)
            self.heard += [one.message.id for one in deliveries]
            await receiver.acknowledge(deliveries)

    async def more(self) -> None:
        """Wait until something that is published from now on is heard."""
        already = set(self.sent)
        await until(lambda: bool((set(self.sent) - already) & set(self.heard)))

    async def everything(self) -> None:
        """Wait until all that was kept is heard."""
        self._tasks[0].cancel()
        await asyncio.gather(self._tasks[0], return_exceptions=True)
        await until(lambda: set(self.sent) <= set(self.heard))


async def until(is_so: Callable[[], bool]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(_LONGEST_SECONDS):
        while not is_so():  # noqa: ASYNC110 - told by a server
            await asyncio.sleep(0.02)


async def trouble(broker: RabbitBroker) -> str:
    """Return what `check` says, empty when all is well."""
    try:
        await broker.check()
    except Unavailable as error:
        return error.message
    return ""


@pytest.fixture
async def traffic(own_rabbit: OwnServer) -> AsyncIterator[Traffic]:
    """Give traffic through a server that may be killed."""
    traffic = Traffic(own_rabbit.url)
    try:
        await traffic.open()
        yield traffic
    finally:
        await traffic.close()


async def test_death_of_the_server_loses_nothing(
    traffic: Traffic, own_rabbit: OwnServer
) -> None:
    """Publishers are told, nobody blocks, and both are back with the server."""
    await asyncio.to_thread(own_rabbit.kill)
    await until(lambda: bool(traffic.said))
    assert await trouble(traffic.bank)

    await asyncio.to_thread(own_rabbit.start)

    await traffic.more()
    async with asyncio.timeout(_LONGEST_SECONDS):
        while await trouble(traffic.bank):  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    await traffic.everything()
    assert traffic.longest_seconds < 5


async def test_closed_connections_are_made_again(
    traffic: Traffic, own_rabbit: OwnServer
) -> None:
    """Every time; also amid publishing and acknowledging."""
    administrator = Administrator(own_rabbit.url)
    for _ in range(3):
        closed = 0
        while closed < 3:
            closed += await asyncio.to_thread(administrator.close_connections)
        await traffic.more()

    await traffic.everything()


async def test_frozen_server_is_noticed(
    traffic: Traffic, own_rabbit: OwnServer
) -> None:
    """Connections stay open and nothing comes: `publish` gives up, `check` tells."""
    await asyncio.to_thread(own_rabbit.pause)
    try:
        await until(lambda: bool(traffic.said))
        async with asyncio.timeout(_LONGEST_SECONDS):
            while not await trouble(traffic.bank):  # noqa: ASYNC110
                await asyncio.sleep(0.1)
    finally:
        await asyncio.to_thread(own_rabbit.resume)

    await traffic.more()
    await traffic.everything()
    assert traffic.longest_seconds < 6


async def test_deleted_queue_is_made_anew(
    traffic: Traffic, own_rabbit: OwnServer
) -> None:
    """A consumer is never deaf: what comes after the deletion is heard."""
    administrator = Administrator(own_rabbit.url)
    lane = traffic._message("one").lane

    await asyncio.to_thread(administrator.delete_queue, f"{traffic.group}.{lane}")

    async with asyncio.timeout(_LONGEST_SECONDS):
        while f"{traffic.group}.{lane}" not in [  # noqa: ASYNC110
            queue["name"]
            for queue in administrator.ask("GET", "queues", administrator.vhost)
        ]:
            await asyncio.sleep(0.1)
    await traffic.more()
