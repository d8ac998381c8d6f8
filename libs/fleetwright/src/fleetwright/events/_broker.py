"""Broker, Receiver and Delivery: what a broker must do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from fleetwright.events._envelope import Message


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message on its way to one group.

    Attributes:
        message: What was published.
        lane: The unit of order it belongs to, 0 to 15.
        epoch: The receiver's tenure of the lane: a number that differs whenever the
            lane has come, or come back, to this process. It is compared with nothing
            but itself; the consumer makes a fence of it in its own database, so a
            broker may count from anywhere and may forget where it was.
        position: For the receiver's own acknowledging; nobody else reads it.
        stream: What the lane is counted within, where a broker shares out the lanes of
            each topic by itself: the topic on Kafka. Empty where a lane is of all
            topics of the group. Who owns a lane is known per stream and lane.
    """

    message: Message
    lane: int
    epoch: int
    position: int
    stream: str = ""


class Passing(str):
    """Why a message was refused, where the reason passes by itself: never give it up.

    Giving it up would let later events of its key go before it.
    """

    __slots__ = ()


BEHIND: Final = Passing("an earlier event of its key was refused")


class Receiver(Protocol):
    """What one process receives for its group.

    Used by one task at a time. It outlives the loss of the broker: it waits for the
    connection, joins again, and its lanes come back with another epoch.

    Attributes:
        lanes: The lanes this process owns now, and their epochs.
    """

    @property
    def lanes(self) -> Mapping[int, int]:
        """The lanes this process owns now, of any stream, and the epoch of each.

        For people to look at; nothing is decided by it.
        """
        ...

    async def receive(self, limit: int) -> Sequence[Delivery]:
        """Wait for messages of the lanes owned, oldest first within a lane.

        What was received and not acknowledged is received again, from the first on and
        in order, unless the lane has gone. Waits also while the broker is away; what
        can be mended by waiting is not raised. Cancelling it loses nothing.

        Args:
            limit: How many at most.

        Returns:
            At least one delivery; a share of each lane where there are many.

        Raises:
            Unavailable: The broker cannot be asked; the consumer pauses and comes back.
        """
        ...

    async def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """Never deliver these again to the group.

        Silently dropped where the lane has gone since: they come again, elsewhere.
        A lost acknowledgement costs a repetition, which the inbox absorbs.

        Args:
            deliveries: What was received and is done; of each stream and lane the first
                ones that are not acknowledged yet, without a gap, in order.
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
        """Begin to connect; safe to call again.

        A server that is down is no failure: it is asked again and again in the
        background, `broker.lost` and `broker.found` in the log tell how it stands.

        Raises:
            FleetwrightError: The URL is wrong, or what it names can never be used.
        """
        ...

    async def close(self) -> None:
        """Disconnect; safe to call again."""
        ...

    async def check(self) -> None:
        """Raise while messages can be neither published nor received.

        Raises:
            Unavailable: There is no connection, the server refuses us, or a receiver
                that should be consuming is not; it says why.
        """
        ...

    async def publish(self, messages: Sequence[Message]) -> Mapping[str, str]:
        """Hand over messages; they are durable when this returns.

        Where the broker knows ids a message is not kept twice; where it does not, the
        inbox of its readers absorbs the repetition. Several calls may be under way at
        once, never for the same lane.

        Args:
            messages: In order. When one is refused, later ones of its key are too.

        Returns:
            The ids of refused messages and why, a `Passing` where it is worth to go on
            trying; empty as a rule.

        Raises:
            Unavailable: There is no connection, or nothing is known to be kept; try
                all of them again.
        """
        ...

    async def subscribe(self, group: str, topics: Sequence[str]) -> Receiver:
        """Join a group and declare what it hears, beside what other members do.

        A new group receives what is published from now on; from a broker that keeps
        messages (the embedded one and Kafka do) also what is still kept. Returns at
        once also while the broker is away.

        Args:
            group: The name of the consuming service.
            topics: What it hears.

        Returns:
            Where its messages come in.
        """
        ...
