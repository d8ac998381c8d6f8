"""What a consumer under test receives: what the test delivers."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Protocol

from fleetwright.events._broker import Delivery
from fleetwright.events._envelope import LANES, Message


class Keeper(Protocol):
    """Whose messages they are."""

    def acknowledging(self, messages: Sequence[Message]) -> None:
        """Hear what is about to be acknowledged; raise so that it is not."""

    def leave(self, receiver: "FakeReceiver", waiting: Sequence[Message]) -> None:
        """Take what a receiver has not acknowledged."""


class FakeReceiver:
    """What a consumer receives: all lanes, oldest first, until acknowledged.

    Attributes:
        group: Who receives.
        topics: What the group hears.
    """

    def __init__(
        self, broker: Keeper, group: str, topics: frozenset[str], tenure: int
    ) -> None:
        """Start with nothing to receive.

        Args:
            broker: Whose messages they are.
            group: Who receives.
            topics: What the group hears.
            tenure: A number no other receiver has.
        """
        self.group = group
        self.topics = topics
        self._broker = broker
        self._tenure = tenure
        self._waiting: dict[int, Delivery] = {}
        self._position = 0
        self._arrived = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()

    @property
    def lanes(self) -> Mapping[int, int]:
        """All lanes."""
        return dict.fromkeys(range(LANES), self._tenure)

    @property
    def is_done(self) -> bool:
        """Whether all is acknowledged."""
        return not self._waiting

    def put(self, message: Message) -> None:
        """Have a message received.

        Args:
            message: The message.
        """
        self._position += 1
        delivery = Delivery(message, message.lane, self._tenure, self._position)
        self._waiting[self._position] = delivery
        self._arrived.set()
        self._empty.clear()

    async def done(self) -> None:
        """Wait until all is acknowledged."""
        await self._empty.wait()

    async def receive(self, limit: int) -> Sequence[Delivery]:
        """Wait for what the test delivers.

        Args:
            limit: How much at most.

        Returns:
            What is not acknowledged, oldest first.
        """
        await self._arrived.wait()
        return list(self._waiting.values())[:limit]

    async def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """Forget these.

        Args:
            deliveries: What was received and is done.
        """
        self._broker.acknowledging([one.message for one in deliveries])
        for delivery in deliveries:
            self._waiting.pop(delivery.position, None)
        if not self._waiting:
            self._arrived.clear()
            self._empty.set()

    async def close(self) -> None:
        """Receive no more; the next one of the group receives what is left."""
        left = [delivery.message for delivery in self._waiting.values()]
        self._broker.leave(self, left)
