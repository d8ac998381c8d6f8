"""Who may take lanes of a group: one member at a time, by a queue that only one has."""

from aiormq import Channel, Connection
from aiormq.exceptions import ChannelLockedResource

from fleetwright.events.brokers._rabbit_link import open_channel


class Claim:
    """The right to take lanes of a group; it ends with the connection of who has it.

    It is an exclusive queue: the server gives it to one connection.
    """

    def __init__(self, connection: Connection, group: str) -> None:
        """Describe the claim; nobody has it yet.

        Args:
            connection: Of this member.
            group: Who hears.
        """
        self._connection = connection
        self._name = f"{group}.claim"
        self._channel: Channel | None = None

    async def take(self) -> bool:
        """Return whether this member has it now; False while another one has."""
        if self._channel is not None:
            return True
        channel = await open_channel(self._connection, confirms=False)
        try:
            await channel.queue_declare(self._name, exclusive=True)
        except ChannelLockedResource:
            return False
        self._channel = channel
        return True

    async def give_up(self) -> None:
        """Let others take lanes."""
        channel, self._channel = self._channel, None
        if channel is not None:
            await channel.queue_delete(self._name)
            await channel.close()


async def consumers_of(channel: Channel, queue: str) -> int:
    """Return how many consumers a queue has; of single active ones it counts one.

    Args:
        channel: Where to ask; closed by the server when there is no such queue.
        queue: Its name.
    """
    state = await channel.queue_declare(queue, passive=True)
    return state.consumer_count or 0
