"""What waits for a group in RabbitMQ, as a look from outside finds it."""

from random import Random

from aiormq import Connection
from aiormq.exceptions import ChannelNotFoundEntity

from fleetwright.events._envelope import LANES
from fleetwright.events.brokers._rabbit_address import Address
from fleetwright.events.brokers._rabbit_faults import told_again
from fleetwright.events.brokers._rabbit_link import PROBE_SECONDS, Link, open_channel
from fleetwright.events.brokers._rabbit_topology import queue_of

_LOOK_SECONDS = 10.0


async def waiting(address: Address, group: str, random: Random) -> int:
    """Return how many messages wait in the queues of a group.

    Those that a process has in hand are not among them: the server does not tell.

    Args:
        address: Where the server is.
        group: Who hears; one that was never there has no queues.
        random: Where the jitter of the pauses comes from.

    Raises:
        Unavailable: The server does not answer.
    """
    look = _Look(group)
    link = Link(address, f"look at {group}", look, random)
    link.start()
    try:
        await link.settled(_LOOK_SECONDS)
        if link.fault is not None:
            raise told_again(link.fault)
    finally:
        await link.close()
    return look.count


class _Look:
    """Counts once, on a connection of its own.

    Attributes:
        count: How many messages wait.
    """

    def __init__(self, group: str) -> None:
        self.count = 0
        self._group = group

    async def begin(self, connection: Connection) -> None:
        self.count = 0
        for lane in range(LANES):
            channel = await open_channel(connection, confirms=False)
            try:
                queue = queue_of(self._group, lane)
                state = await channel.queue_declare(queue, passive=True)
            except ChannelNotFoundEntity:
                continue  # the server has closed the channel
            self.count += state.message_count or 0
            await channel.close()

    async def probe(self) -> float:
        return PROBE_SECONDS

    def end(self) -> None:
        """What was counted stays."""
