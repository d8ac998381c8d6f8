"""Publishing to RabbitMQ: persistent, mandatory, confirmed, in order per key."""

import asyncio
from collections.abc import Mapping, Sequence
from random import Random

from aiormq import Channel, Connection

from fleetwright.errors import Unavailable
from fleetwright.events._broker import BEHIND, Passing
from fleetwright.events._envelope import Message
from fleetwright.events.brokers._rabbit_address import Address
from fleetwright.events.brokers._rabbit_confirms import Answer, publish_together
from fleetwright.events.brokers._rabbit_faults import Lost, fault_of, told, told_again
from fleetwright.events.brokers._rabbit_link import (
    PROBE_SECONDS,
    Link,
    calls,
    is_blocked,
    open_channel,
)
from fleetwright.events.brokers._rabbit_topology import (
    EXCHANGE,
    declare_exchange,
    declare_unheard,
)
from fleetwright.events.brokers._rabbit_wire import refusal_of

PUBLISH_SECONDS = 4.0  # less than the outbox gives a batch
FULL = Passing("a queue that should have it is full, or failed")


class Publisher:
    """Hands messages over and waits until the server has them on disk.

    A key's next message is sent when the one before is confirmed: of two that are under
    way together a full queue could refuse the first and take the second. Messages of
    different keys go together.

    Attributes:
        link: Its connection.
    """

    def __init__(self, address: Address, random: Random) -> None:
        """Describe the publisher.

        Args:
            address: Where the server is.
            random: Where the jitter of the pauses comes from.
        """
        self.link = Link(address, "publisher", self, random)
        self._address = address
        self._connection: Connection | None = None
        self._channel: Channel | None = None
        self._asking: Channel | None = None

    async def begin(self, connection: Connection) -> None:
        """Declare the exchange and open the channels.

        Args:
            connection: A new one.
        """
        self._asking = await open_channel(connection, confirms=False)
        await declare_exchange(self._asking)
        channel = await open_channel(connection, confirms=True)
        channel.closing.add_done_callback(self._channel_closed)
        self._connection, self._channel = connection, channel

    async def probe(self) -> float:
        """See whether the exchange is still there."""
        if self._asking is not None:
            await self._asking.exchange_declare(EXCHANGE, passive=True)
        return PROBE_SECONDS

    def end(self) -> None:
        """Forget the connection."""
        self._connection = self._channel = self._asking = None

    def _channel_closed(self, closing: asyncio.Future[None]) -> None:
        error = None if closing.cancelled() else closing.exception()
        self.link.suspect(told(error))

    async def check(self) -> None:
        """Raise while nothing can be published.

        Raises:
            Unavailable: There is no connection, or the server takes nothing.
        """
        await self._usable()

    async def _usable(self) -> Channel:
        if self.link.fault is not None:
            raise told_again(self.link.fault)
        connection, channel = self._connection, self._channel
        if connection is None or channel is None:
            raise fault_of(Lost("the connection was lost"), self._address)
        if await is_blocked(connection):
            raise self._blocked()
        return channel

    async def publish(self, messages: Sequence[Message]) -> Mapping[str, str]:
        """Hand messages over; they are durable when this returns.

        Args:
            messages: In order.

        Returns:
            The ids of refused messages and why.

        Raises:
            Unavailable: Nothing is known to be kept.
        """
        channel = await self._usable()
        refused: dict[str, str] = {}
        waiting = _refuse_impossible(messages, refused)
        try:
            async with asyncio.timeout(PUBLISH_SECONDS):
                while waiting:
                    now, waiting = _first_of_each_key(waiting)
                    await self.link.run(self._send(channel, now, refused))
                    waiting = _behind(now, waiting, refused)
        except TimeoutError:
            raise await self._late() from None
        except Lost as error:
            raise fault_of(error, self._address) from error
        return refused

    async def _late(self) -> Unavailable:
        connection = self._connection
        if connection is not None and await is_blocked(connection):
            return self._blocked()
        self.link.suspect("messages were not confirmed in time")
        return fault_of(TimeoutError(), self._address)

    def _blocked(self) -> Unavailable:
        return Unavailable(
            "RabbitMQ takes no messages: an alarm of its memory or disk is on",
            reason="rejected",
            provider="broker",
            where=str(self._address),
            hint="`rabbitmq-diagnostics alarms`; free memory or disk on that node",
        )

    async def _send(
        self,
        channel: Channel,
        messages: Sequence[Message],
        refused: dict[str, str],
    ) -> None:
        unheard = await _publish_all(channel, messages, refused)
        if not unheard or self._asking is None:
            return
        for topic in {message.topic for message in unheard}:
            with calls():
                await declare_unheard(self._asking, topic)
        for message in await _publish_all(channel, unheard, refused):
            refused[message.id] = "nobody hears it, and it could not be kept for later"


async def _publish_all(
    channel: Channel, messages: Sequence[Message], refused: dict[str, str]
) -> list[Message]:
    """Publish messages together; return those that went nowhere."""
    unheard = []
    answers = await publish_together(channel, messages)
    for message, answer in zip(messages, answers, strict=True):
        if answer is Answer.UNHEARD:
            unheard.append(message)
        elif answer is Answer.REFUSED:
            refused[message.id] = FULL
    return unheard


def _refuse_impossible(
    messages: Sequence[Message], refused: dict[str, str]
) -> list[Message]:
    keys = set()
    possible = []
    for message in messages:
        reason = refusal_of(message)
        if reason is not None:
            refused[message.id] = reason
            keys.add(message.order_key)
        elif message.order_key in keys:
            refused[message.id] = BEHIND
        else:
            possible.append(message)
    return possible


def _first_of_each_key(
    messages: Sequence[Message],
) -> tuple[list[Message], list[Message]]:
    first: dict[str, Message] = {}
    later = []
    for message in messages:
        if first.setdefault(message.order_key, message) is not message:
            later.append(message)
    return list(first.values()), later


def _behind(
    sent: Sequence[Message], waiting: Sequence[Message], refused: dict[str, str]
) -> list[Message]:
    """Refuse what waits behind a refused message; return what is left."""
    keys = {message.order_key for message in sent if message.id in refused}
    if not keys:
        return list(waiting)
    left = []
    for message in waiting:
        if message.order_key in keys:
            refused[message.id] = BEHIND
        else:
            left.append(message)
    return left
