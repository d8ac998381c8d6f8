"""Messages carried by a RabbitMQ of our own: who sent what when, and what was heard."""

import asyncio
import json
import urllib.error
import urllib.request
from base64 import b64encode
from contextlib import AsyncExitStack
from urllib.parse import quote, urlsplit

from experiments.lab import Lab
from fleetwright.errors import Unavailable
from fleetwright.events._broker import Receiver
from fleetwright.events._envelope import Message, new_id
from fleetwright.events.brokers._rabbit import RabbitBroker
from tortured.servers import Server

TOPIC, GROUP = "orders.placed", "payments"
_BEAT_SECONDS = 0.1
_WORK_SECONDS = 0.01  # at what was received, before it counts as heard
_SETTLED_SECONDS = 2.0  # a queue declared less than that ago may be lost by a kill -9


class Traffic:
    """A publisher that tries again until it is told "kept", and a group that hears.

    Attributes:
        sent: When the call began in which a message was confirmed, by its id.
        heard: When a message was heard first, by its id.
        longest_seconds: The longest call of `publish`.
        again: How often a batch was tried again.
    """

    def __init__(self, url: str, rate: int) -> None:
        """Describe the traffic.

        Args:
            url: Of the server.
            rate: Messages a second.
        """
        self.sent: dict[str, float] = {}
        self.heard: dict[str, float] = {}
        self.longest_seconds = 0.0
        self.again = 0
        self._rate = rate
        self._shop, self._bank = RabbitBroker(url), RabbitBroker(url)
        self._is_over = False
        self._tasks: list[asyncio.Task[None]] = []

    async def begin(self) -> None:
        """Connect, declare and start."""
        await self._shop.open()
        await self._bank.open()
        receiver = await self._bank.subscribe(GROUP, [TOPIC])
        await asyncio.sleep(_SETTLED_SECONDS)
        self._tasks = [
            asyncio.create_task(self._publish(), name="publishing"),
            asyncio.create_task(self._hear(receiver), name="hearing"),
        ]

    async def end(self, seconds: float) -> set[str]:
        """Publish no more and hear what is left.

        Args:
            seconds: How long it may take.

        Returns:
            What was confirmed and not heard.
        """
        self._is_over = True
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while (  # noqa: ASYNC110 - told by a server
            loop.time() < until and not self.sent.keys() <= self.heard.keys()
        ):
            await asyncio.sleep(_BEAT_SECONDS)
        return self.sent.keys() - self.heard.keys()

    async def close(self) -> None:
        """Stop at once."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._shop.close()
        await self._bank.close()

    async def _publish(self) -> None:
        loop = asyncio.get_running_loop()
        next_at, number = loop.time(), 0
        while not self._is_over:
            batch = []
            for _ in range(int(self._rate * _BEAT_SECONDS)):
                number += 1
                id, key = new_id(), f"order-{number % 997}"
                headers = {"id": id, "type": TOPIC, "partitionkey": key}
                batch.append(Message(id, TOPIC, key, headers, b"{}" * 100))
            while batch and not self._is_over:
                batch = await self._offer(batch)
            next_at = max(next_at + _BEAT_SECONDS, loop.time())
            await asyncio.sleep(next_at - loop.time())

    async def _offer(self, batch: list[Message]) -> list[Message]:
        """Publish, and return what is to be tried again."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            refused = await self._shop.publish(batch)
        except Unavailable:
            self.again += 1
            await asyncio.sleep(_BEAT_SECONDS)
            return batch
        finally:
            self.longest_seconds = max(self.longest_seconds, loop.time() - began)
        self.sent.update({one.id: began for one in batch if one.id not in refused})
        return [one for one in batch if one.id in refused]

    async def _hear(self, receiver: Receiver) -> None:
        loop = asyncio.get_running_loop()
        while True:
            deliveries = await receiver.receive(128)
            await asyncio.sleep(_WORK_SECONDS)
            for delivery in deliveries:
                self.heard.setdefault(delivery.message.id, loop.time())
            await receiver.acknowledge(deliveries)

    async def until_heard_after(self, when: float, seconds: float) -> float:
        """Return how long after `when` one that was published after it was heard."""
        loop = asyncio.get_running_loop()
        while loop.time() < when + seconds:
            after = [at for id, at in self.heard.items() if self.sent.get(id, 0) > when]
            if after:
                return min(after) - when
            await asyncio.sleep(0.02)
        return float("inf")


async def traffic(lab: Lab, rate: int) -> tuple[Server, Traffic]:
    """Start a server and traffic through it; both end with the experiment.

    Args:
        lab: Of the experiment.
        rate: Messages a second.
    """
    stack: AsyncExitStack = lab.stack
    server = Server("rabbit", lab.folder)
    await server.up()
    stack.push_async_callback(server.down)
    running = Traffic(server.url, rate)
    stack.push_async_callback(running.close)
    await running.begin()
    return server, running


def close_connections(url: str) -> int:
    """Have the server close every connection; return how many it closed.

    Args:
        url: Of the server; its HTTP API is at the next port.
    """
    parts = urlsplit(url)
    place = f"http://{parts.hostname}:{(parts.port or 0) + 1}/api/connections"
    login = b64encode(f"{parts.username}:{parts.password}".encode()).decode()
    headers = {"Authorization": f"Basic {login}"}
    asked = urllib.request.Request(place, headers=headers)
    with urllib.request.urlopen(asked, timeout=20) as answer:  # noqa: S310
        names = [one["name"] for one in json.load(answer)]
    closed = 0
    for name in names:
        request = urllib.request.Request(  # noqa: S310
            f"{place}/{quote(name, safe='')}", headers=headers, method="DELETE"
        )
        try:
            with urllib.request.urlopen(request, timeout=20):  # noqa: S310
                closed += 1
        except urllib.error.HTTPError:
            continue  # it went by itself
    return closed
