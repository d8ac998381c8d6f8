"""A broker in this process, for tests."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final
from weakref import WeakValueDictionary

from fleetwright.events._broker import Delivery, Receiver
from fleetwright.events._envelope import LANES, Message

_named: WeakValueDictionary[str, "MemoryBroker"] = WeakValueDictionary()


def memory_broker(name: str) -> "MemoryBroker":
    """Return the broker of that name, the same for everyone in this process.

    Args:
        name: Its name; an empty one is a broker of one's own.
    """
    if not name:
        return MemoryBroker()
    broker = _named.get(name)
    if broker is None:
        _named[name] = broker = MemoryBroker()
    return broker


class _Group:
    """What waits for one group, and who receives it: the first that came."""

    def __init__(self) -> None:
        self.topics: frozenset[str] = frozenset()
        self.pending: dict[int, Message] = {}
        self.receivers: list[MemoryReceiver] = []
        self.epoch = 0

    def hand_over(self) -> None:
        """Let the first receiver own all lanes."""
        self.epoch += 1
        for receiver in self.receivers:
            receiver.woken.set()


class MemoryBroker:
    """Messages in memory: gone with the process, for one event loop.

    At least once, in order per lane; one receiver of a group is active at a time.
    """

    is_essential: Final = False

    def __init__(self) -> None:
        """Carry nothing yet."""
        self._groups: dict[str, _Group] = {}
        self._known: set[str] = set()
        self._position = 0

    async def open(self) -> None:
        """Nothing has to be connected."""

    async def close(self) -> None:
        """Messages stay for others who use the broker by its name."""

    async def check(self) -> None:
        """A broker in this process is there."""

    async def publish(self, messages: Sequence[Message]) -> Mapping[str, str]:
        """Keep messages for the groups that hear their topics.

        Args:
            messages: In order; one whose id is known is not kept again.

        Returns:
            Nothing is refused.
        """
        for message in messages:
            if message.id in self._known:
                continue
            self._known.add(message.id)
            self._position += 1
            for group in self._groups.values():
                if message.topic in group.topics:
                    group.pending[self._position] = message
                    for receiver in group.receivers:
                        receiver.woken.set()
        return {}

    async def subscribe(self, group: str, topics: Sequence[str]) -> Receiver:
        """Join a group and declare what it hears.

        Args:
            group: The name of the consuming service.
            topics: What it hears.

        Returns:
            Where its messages come in.
        """
        joined = self._groups.setdefault(group, _Group())
        joined.topics |= frozenset(topics)
        receiver = MemoryReceiver(joined)
        joined.receivers.append(receiver)
        if len(joined.receivers) == 1:
            joined.hand_over()
        return receiver

    async def unsubscribe(self, group: str, topics: Sequence[str]) -> None:
        """Keep these topics no more for a group.

        Args:
            group: The consuming service.
            topics: What it hears no more.
        """
        self._groups[group].topics -= frozenset(topics)

    async def subscribe_again(self, group: str, topics: Sequence[str]) -> None:
        """Keep these topics for a group, as before.

        Args:
            group: The consuming service.
            topics: What it hears.
        """
        self._groups[group].topics |= frozenset(topics)


class MemoryReceiver:
    """What one member of a group receives while it is the active one."""

    def __init__(self, group: _Group) -> None:
        """Receive for a group."""
        self._group = group
        self.woken = asyncio.Event()

    @property
    def lanes(self) -> Mapping[int, int]:
        """All lanes for the active member, none for those in waiting."""
        if self._group.receivers[:1] != [self]:
            return {}
        return dict.fromkeys(range(LANES), self._group.epoch)

    async def receive(self, limit: int) -> Sequence[Delivery]:
        """Wait until something is pending and this member is the active one.

        Args:
            limit: How many at most.

        Returns:
            The oldest pending messages.
        """
        await asyncio.sleep(0)  # what is in hand must not keep the loop for itself
        while True:
            self.woken.clear()
            if self.lanes and self._group.pending:
                first = sorted(self._group.pending.items())[:limit]
                epoch = self._group.epoch
                return [
                    Delivery(message, message.lane, epoch, position)
                    for position, message in first
                ]
            await self.woken.wait()

    async def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """Forget deliveries, unless the lanes have changed hands since.

        Args:
            deliveries: What was received and is done.
        """
        for delivery in deliveries:
            if self.lanes.get(delivery.lane) == delivery.epoch:
                self._group.pending.pop(delivery.position, None)

    async def close(self) -> None:
        """Leave the group; the next member becomes the active one."""
        if self in self._group.receivers:
            self._group.receivers.remove(self)
            self._group.hand_over()
