"""What nobody heard: the first group that hears the topic takes it over.

It is received before the lanes are, so that nothing overtakes it.
"""

from collections.abc import Callable, Sequence

from aiormq import Connection
from aiormq.exceptions import ChannelNotFoundEntity

from fleetwright._clock import clock
from fleetwright.events.brokers._rabbit_lane import Lane
from fleetwright.events.brokers._rabbit_link import open_channel
from fleetwright.events.brokers._rabbit_topology import unheard_of

LOOK_SECONDS = 0.1
_QUIET_SECONDS = 0.3  # a queue that has something delivers it sooner


class Takeover:
    """The topics of a group, one after another: what waits there is received.

    Attributes:
        lane: What is received now; its messages are of any lane.
    """

    def __init__(
        self,
        connection: Connection,
        topics: Sequence[str],
        told: Callable[[], None],
        gone: Callable[[str], None],
    ) -> None:
        """Describe the takeover.

        Args:
            connection: Where.
            topics: What the group hears; bound already, so that nothing new comes here.
            told: Called when something has come.
            gone: Called with the reason when nothing will come any more.
        """
        self.lane: Lane | None = None
        self._connection = connection
        self._topics = list(topics)
        self._told = told
        self._gone = gone
        self._busy_at = 0.0

    async def is_done(self) -> bool:
        """Go on; return whether nothing is left."""
        if self.lane is not None:
            if self.lane.in_hand:
                self._busy_at = clock().monotonic()
            if clock().monotonic() - self._busy_at < _QUIET_SECONDS:
                return False
            # Another group may have what is left there: it is not waited for.
            await self.lane.leave()
            self.lane = None
        while self._topics:
            queue = unheard_of(self._topics.pop())
            if await self._waiting(queue):
                self.lane = Lane(None, self._told, self._gone)
                await self.lane.open(self._connection, queue)
                self._busy_at = clock().monotonic()
                return False
        return True

    async def _waiting(self, queue: str) -> int:
        channel = await open_channel(self._connection, confirms=False)
        try:
            state = await channel.queue_declare(queue, passive=True)
        except ChannelNotFoundEntity:
            return 0  # each of its messages was heard
        await channel.close()
        return state.message_count or 0
