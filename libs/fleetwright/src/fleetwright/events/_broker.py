"""Broker, Receiver and Delivery: what a broker must do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from fleetwright.events._envelope import Message


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message on its way to one group.

    Attributes:
        message: What was published.
        lane: The unit of order it belongs to.
        epoch: How often the lane changed hands; an older one is a worker that was
            paused past its lease.
        position: Grows with the order of publishing within the lane.
    """

    message: Message
    lane: int
    epoch: int
    position: int


class Receiver(Protocol):
    """What one process receives for its group.

    Attributes:
        lanes: The lanes this process owns now, and their epochs.
    """

    @property
    def lanes(self) -> Mapping[int, int]:
        """The lanes this process owns now, and the epoch of each."""
        ...

    async def receive(self, limit: int) -> Sequence[Delivery]:
        """Wait for messages of the lanes owned, oldest first within a lane.

        What was received and not acknowledged is received again.

        Args:
            limit: How many at most.

        Returns:
            At least one delivery.
        """
        ...

    async def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """Never deliver these again to the group.

        Lost where the lane has changed hands since: they come again, elsewhere.

        Args:
            deliveries: What was received and is done.
        """
        ...

    async def close(self) -> None:
        """Leave the group; others take the lanes at once."""
        ...


class Broker(Protocol):
    """Carries messages from publishers to groups: at least once, in order per lane.

    Safe to call from several tasks of one event loop. A broker has `is_essential =
    False`: without it a service is degraded and goes on, its outbox keeps what it
    publishes.
    """

    async def open(self) -> None:
        """Connect; safe to call again."""
        ...

    async def close(self) -> None:
        """Disconnect; safe to call again."""
        ...

    async def check(self) -> None:
        """Raise when messages can be neither published nor received."""
        ...

    async def publish(self, messages: Sequence[Message]) -> Mapping[str, str]:
        """Hand over messages; they are durable when this returns.

        A message whose id is known is not kept twice.

        Args:
            messages: In order. When one is refused, later ones of its key are too.

        Returns:
            The ids of refused messages and why; empty as a rule.

        Raises:
            Unavailable: Nothing is known to be kept; try all of them again.
        """
        ...

    async def subscribe(self, group: str, topics: Sequence[str]) -> Receiver:
        """Join a group and declare what it hears.

        A new group receives what is published from now on; from a broker that keeps
        messages (the embedded one does) also what is still kept.

        Args:
            group: The name of the consuming service.
            topics: What it hears.

        Returns:
            Where its messages come in.
        """
        ...
