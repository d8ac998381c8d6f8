"""What brokers keep: how far behind a group is, and what can be heard again."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from fleetwright.errors import FleetwrightError
from fleetwright.events._broker import Delivery


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of what was published.

    Attributes:
        first: Where it begins, itself included; at the oldest that is kept for None.
        last: Where it ends, itself included; at the newest for None.
        counts: Whether these are the broker's own numbers; else seconds since 1970.
        not_before: Nothing that was published before, in seconds since 1970.
    """

    first: float | None = None
    last: float | None = None
    counts: bool = False
    not_before: float = 0.0


@dataclass(frozen=True, slots=True)
class Backlog:
    """What a group has not heard yet.

    Attributes:
        total: How many messages.
        topics: How many of each topic; None where the broker does not tell them apart.
        oldest_at: When the oldest of each topic was published, in seconds since 1970;
            empty where the broker does not tell.
    """

    total: int
    topics: Mapping[str, int] | None
    oldest_at: Mapping[str, float] = field(default_factory=dict)


@runtime_checkable
class Counting(Protocol):
    """A broker that can tell how far behind a group is."""

    async def backlog(self, group: str, topics: Sequence[str]) -> Backlog:
        """Return what a group has not heard yet; the broker need not be open.

        Args:
            group: The consuming service.
            topics: What it hears.

        Raises:
            Unavailable: The broker does not answer.
        """
        ...


@runtime_checkable
class Unsubscribing(Protocol):
    """A broker that sends a group what it asked for once, until it is told otherwise.

    Processes of a group that come and go ask for more, never for less: while a new
    version is deployed an old one must not take away what the new one hears.
    """

    async def unsubscribe(self, group: str, topics: Sequence[str]) -> None:
        """Send a group these topics no more; what is on its way still comes.

        Args:
            group: The consuming service, one that this process has joined.
            topics: What none of its processes hears.

        Raises:
            Unavailable: The broker does not answer; it is asked again later.
        """
        ...

    async def subscribe_again(self, group: str, topics: Sequence[str]) -> None:
        """Send a group these topics, which it may have been taken off by mistake.

        Args:
            group: The consuming service, one that this process has joined.
            topics: What this process hears; safe to ask for again.

        Raises:
            Unavailable: The broker does not answer; it is asked again later.
        """
        ...


@runtime_checkable
class Aging(Protocol):
    """A broker whose topics keep messages for different times."""

    async def kept_seconds(self, topics: Sequence[str]) -> Mapping[str, float]:
        """Return how long messages of topics are kept; infinity for ever.

        Args:
            topics: Which ones; those that are not there yet are left out.

        Raises:
            Unavailable: The broker does not answer.
        """
        ...


@runtime_checkable
class Keeping(Protocol):
    """A broker that keeps what was heard, so that it can be heard again."""

    async def deliver_again(self, group: str, topic: str, span: Span) -> int:
        """Have kept messages delivered to a group once more, in order.

        Args:
            group: The consuming service; its inbox tells what it has handled.
            topic: Which ones.
            span: From when to when, or from which number to which.

        Returns:
            How many come again.

        Raises:
            Unavailable: The broker does not answer.
            FleetwrightError: It cannot be done now.
        """
        ...


@runtime_checkable
class Readable(Protocol):
    """A broker whose messages can be read beside the group that has heard them."""

    def read(
        self, group: str, topic: str, span: Span
    ) -> AsyncGenerator[Sequence[Delivery], None]:
        """Yield kept messages that a group has done, in order per lane.

        Args:
            group: The consuming service.
            topic: Which ones.
            span: From when to when, or from which number to which.

        Yields:
            Some at a time.

        Raises:
            Unavailable: The broker does not answer.
        """
        ...


def not_kept(broker: object) -> FleetwrightError:
    """Return the error about a broker that forgets what was heard.

    Args:
        broker: Which one.
    """
    return FleetwrightError(
        f"{type(broker).__name__} keeps nothing that was heard",
        where="BROKER_URL",
        hint="replay what is parked, or use a broker that keeps messages:"
        " embedded:// or kafka://",
    )
