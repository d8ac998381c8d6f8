"""What stands in RabbitMQ: an exchange, a queue per group and lane, what is apart.

Declared again at each connection: a declaration that finds everything as it should be
changes nothing, and what was lost is made anew.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from aiormq import Channel, Connection
from aiormq.exceptions import (
    ChannelAccessRefused,
    ChannelLockedResource,
    ChannelPreconditionFailed,
)

from fleetwright.errors import FleetwrightError
from fleetwright.events._envelope import LANES
from fleetwright.events.brokers._rabbit_link import open_channel

EXCHANGE = "fleet.events"
UNHEARD = "fleet.unheard"
MOST_DELIVERIES = 20  # a crash guard: a consumer that lives never gives back
MOST_UNHEARD = 100_000  # of a topic, the oldest go first
_MOST_UNHEARD_BYTES = 256 * 1024 * 1024

_LANE: dict[str, Any] = {
    "x-queue-type": "quorum",
    "x-single-active-consumer": True,
    "x-delivery-limit": MOST_DELIVERIES,
    "x-overflow": "reject-publish",
    "x-dead-letter-strategy": "at-least-once",
}
_QUORUM: dict[str, Any] = {"x-queue-type": "quorum"}
_UNHEARD: dict[str, Any] = {
    "x-queue-type": "quorum",
    "x-single-active-consumer": True,
    "x-max-length": MOST_UNHEARD,
    "x-max-length-bytes": _MOST_UNHEARD_BYTES,
    "x-overflow": "drop-head",
}


def queue_of(group: str, lane: int) -> str:
    """Return the name of the queue of a lane.

    Args:
        group: Who hears.
        lane: 0 to 15.
    """
    return f"{group}.{lane}"


def dead_of(group: str) -> str:
    """Return the name of the exchange and queue where a group's dead letters are.

    Args:
        group: Who hears.
    """
    return f"{group}.dead"


def unheard_of(topic: str) -> str:
    """Return the name of the queue where a topic waits that nobody hears.

    Args:
        topic: Of the messages.
    """
    return f"{UNHEARD}.{topic}"


def members_of(group: str) -> str:
    """Return the name of the queue that each member consumes, to be counted.

    Args:
        group: Who hears.
    """
    return f"{group}.members"


def routing_key(topic: str, lane: int) -> str:
    """Return what a message is published with.

    Args:
        topic: Of the message.
        lane: Of its key.
    """
    return f"{topic}.{lane}"


async def declare_exchange(channel: Channel) -> None:
    """Make the exchange, and one behind it for what nobody hears.

    Args:
        channel: Where; it is closed by the server when something else stands there.

    Raises:
        FleetwrightError: Something else stands there, or it is not allowed.
    """
    declared = _Declared(channel)
    await declared.exchange(UNHEARD, "topic")
    await declared.exchange(EXCHANGE, "topic", {"alternate-exchange": UNHEARD})


async def declare_unheard(channel: Channel, topic: str) -> None:
    """Make a bounded queue where a topic waits for the first group that hears it.

    Args:
        channel: Where; it is closed by the server when something else stands there.
        topic: What nobody hears.

    Raises:
        FleetwrightError: Something else stands there, or it is not allowed.
    """
    declared = _Declared(channel)
    await declared.queue(unheard_of(topic), _UNHEARD)
    await declared.bind(unheard_of(topic), UNHEARD, f"{topic}.*")


async def declare_group(
    connection: Connection, group: str, topics: Sequence[str]
) -> None:
    """Make the queues of a group and bind what it hears.

    Args:
        connection: Where.
        group: Who hears.
        topics: What it hears.

    Raises:
        FleetwrightError: Something else stands there, or it is not allowed.
    """
    dead = dead_of(group)
    channel = await open_channel(connection, confirms=False)
    declared = _Declared(channel)
    await declared.exchange(dead, "fanout")
    await declared.queue(dead, _QUORUM)
    await declared.bind(dead, dead, "")
    await declared.queue(members_of(group), _QUORUM)
    await channel.close()
    lanes = [_declare_lane(connection, group, topics, lane) for lane in range(LANES)]
    await asyncio.gather(*lanes)  # one after another would be a hundred round trips


async def unbind_group(
    connection: Connection, group: str, topics: Sequence[str]
) -> None:
    """Take what a group hears no more off its queues; what is in them stays.

    Args:
        connection: Where.
        group: Who hears.
        topics: What it hears no more; those it never heard do no harm.
    """
    channel = await open_channel(connection, confirms=False)
    for lane in range(LANES):
        for topic in topics:
            key = routing_key(topic, lane)
            await channel.queue_unbind(queue_of(group, lane), EXCHANGE, key)
    await channel.close()


async def _declare_lane(
    connection: Connection, group: str, topics: Sequence[str], lane: int
) -> None:
    channel = await open_channel(connection, confirms=False)
    declared, name = _Declared(channel), queue_of(group, lane)
    await declared.queue(name, _LANE | {"x-dead-letter-exchange": dead_of(group)})
    for topic in topics:
        await declared.bind(name, EXCHANGE, routing_key(topic, lane))
    await channel.close()


class _Declared:
    """Declarations whose refusals are told."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    async def exchange(
        self, name: str, kind: str, arguments: dict[str, Any] | None = None
    ) -> None:
        try:
            await self._channel.exchange_declare(
                name, exchange_type=kind, durable=True, arguments=arguments
            )
        except _REFUSALS as error:
            raise _told(f"the exchange {name}", error) from error

    async def queue(self, name: str, arguments: dict[str, Any]) -> None:
        try:
            await self._channel.queue_declare(name, durable=True, arguments=arguments)
        except _REFUSALS as error:
            raise _told(f"the queue {name}", error) from error

    async def bind(self, queue: str, exchange: str, key: str) -> None:
        try:
            await self._channel.queue_bind(queue, exchange, key)
        except _REFUSALS as error:
            raise _told(f"the binding of {queue} to {exchange}", error) from error


_REFUSALS = (ChannelAccessRefused, ChannelLockedResource, ChannelPreconditionFailed)


def _told(what: str, error: Exception) -> FleetwrightError:
    if isinstance(error, ChannelPreconditionFailed):
        return FleetwrightError(
            f"{what} stands in RabbitMQ otherwise than it is declared",
            where=str(error),
            hint="empty it, delete it in RabbitMQ, and it is made anew",
        )
    return FleetwrightError(
        f"RabbitMQ does not allow {what}",
        where=str(error),
        hint="rabbitmqctl set_permissions -p VHOST NAME '.*' '.*' '.*'",
    )
