"""RabbitMQ as a broker: quorum queues, confirms, one active consumer per lane."""

from collections.abc import Mapping, Sequence
from random import Random
from typing import Final

from fleetwright.errors import FleetwrightError
from fleetwright.events._broker import Receiver
from fleetwright.events._envelope import Message
from fleetwright.events._kept import Backlog
from fleetwright.events.brokers._rabbit_address import address_of
from fleetwright.events.brokers._rabbit_publisher import Publisher
from fleetwright.events.brokers._rabbit_receiver import RabbitReceiver
from fleetwright.events.brokers._rabbit_view import waiting

_SETTLE_SECONDS = 5.0


class RabbitBroker:
    """A RabbitMQ, 3.10 or later: at least once, in order per lane.

    A message is on the disks of a majority of the nodes when `publish` returns. A
    connection that is lost is made again, for ever; until then `publish` raises and
    receivers wait. What is published before a group was first there is not heard by it.
    Safe to call from several tasks of one event loop.

    Attributes:
        address: Where it is; its text shows no password.
    """

    is_essential: Final = False

    def __init__(self, url: str, *, random: Random | None = None) -> None:
        """Describe the broker; `open` connects.

        Args:
            url: `amqp://name:password@host:port/vhost`, `amqps://` with TLS.
            random: Where the jitter of the pauses comes from.

        Raises:
            FleetwrightError: The URL names no RabbitMQ.
        """
        self.address = address_of(url)
        self._random = random or Random()  # noqa: S311 - jitter is no secret
        self._publisher: Publisher | None = None
        self._receivers: list[RabbitReceiver] = []

    async def open(self) -> None:
        """Connect, in the background where it takes longer; safe to call again."""
        if self._publisher is None:
            self._publisher = Publisher(self.address, self._random)
            self._publisher.link.start()
            await self._publisher.link.settled(_SETTLE_SECONDS)

    async def close(self) -> None:
        """Disconnect; safe to call again."""
        receivers, self._receivers = self._receivers, []
        for receiver in receivers:
            await receiver.close()
        publisher, self._publisher = self._publisher, None
        if publisher is not None:
            await publisher.link.close()

    async def check(self) -> None:
        """Raise while messages can be neither published nor received.

        Raises:
            Unavailable: Why not.
        """
        await self._opened().check()
        for receiver in self._receivers:
            await receiver.check()

    async def publish(self, messages: Sequence[Message]) -> Mapping[str, str]:
        """Hand over messages; they are durable when this returns.

        Args:
            messages: In order. When one is refused, later ones of its key are too.

        Returns:
            The ids of refused messages and why.

        Raises:
            Unavailable: Nothing is known to be kept; try all of them again.
        """
        return await self._opened().publish(messages)

    async def subscribe(self, group: str, topics: Sequence[str]) -> Receiver:
        """Join a group and declare what it hears.

        Args:
            group: The name of the consuming service.
            topics: What it hears.

        Returns:
            Where its messages come in, as soon as the server is there.
        """
        receiver = RabbitReceiver(self.address, group, topics, self._random)
        self._receivers = [one for one in self._receivers if not one.is_closed]
        self._receivers.append(receiver)
        receiver.link.start()
        await receiver.link.settled(_SETTLE_SECONDS)
        return receiver

    async def unsubscribe(self, group: str, topics: Sequence[str]) -> None:
        """Send a group these topics no more.

        Args:
            group: The name of the consuming service.
            topics: What it hears no more.

        Raises:
            Unavailable: The server does not answer.
        """
        receiver = self._joined(group)
        if receiver is not None:
            await receiver.unsubscribe(topics)

    async def subscribe_again(self, group: str, topics: Sequence[str]) -> None:
        """Send a group these topics, as before.

        Args:
            group: The name of the consuming service.
            topics: What it hears.

        Raises:
            Unavailable: The server does not answer.
        """
        receiver = self._joined(group)
        if receiver is not None:
            await receiver.subscribe_again(topics)

    async def backlog(self, group: str, topics: Sequence[str]) -> Backlog:
        """Return what waits for a group; the broker need not be open.

        Args:
            group: The name of the consuming service.
            topics: What it hears; its queues do not tell topics apart.

        Returns:
            How many, without those that a process of the group has in hand.

        Raises:
            Unavailable: The server does not answer.
        """
        receiver = self._joined(group)
        if receiver is None:
            return Backlog(await waiting(self.address, group, self._random), None)
        await receiver.check()
        return Backlog(receiver.waiting, None)

    def _joined(self, group: str) -> RabbitReceiver | None:
        """Return where a group's messages come in; None where it has not joined."""
        joined = (one for one in self._receivers if one.group == group)
        return next((one for one in joined if not one.is_closed), None)

    def _opened(self) -> Publisher:
        if self._publisher is None:
            raise FleetwrightError(
                "the broker is not open",
                where=str(self.address),
                hint="add it to the service before what uses it",
            )
        return self._publisher
