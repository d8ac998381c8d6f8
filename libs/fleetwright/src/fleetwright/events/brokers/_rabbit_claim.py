"""Who may take lanes of a group: one member at a time, by a queue that only one has."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiormq import Channel, Connection
from aiormq.exceptions import ChannelLockedResource

from fleetwright.events.brokers._rabbit_link import open_channel


@asynccontextmanager
async def claiming(connection: Connection, group: str) -> AsyncIterator[bool]:
    """Be the only member of a group that takes lanes.

    An exclusive queue belongs to one connection, and ends with it.

    Args:
        connection: Of this member.
        group: Who hears.

    Yields:
        Whether this member is the one; False while another is.
    """
    name = f"{group}.claim"
    channel = await open_channel(connection, confirms=False)
    try:
        await channel.queue_declare(name, exclusive=True)
    except ChannelLockedResource:
        yield False
        return
    try:
        yield True
    finally:
        await channel.queue_delete(name)
        await channel.close()


async def consumers_of(channel: Channel, queue: str) -> int:
    """Return how many consumers a queue has; of single active ones it counts one.

    Args:
        channel: Where to ask; closed by the server when there is no such queue.
        queue: Its name.
    """
    state = await channel.queue_declare(queue, passive=True)
    return state.consumer_count or 0
