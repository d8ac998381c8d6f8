"""One lane of a group: its queue, its channel, what is in hand."""

import asyncio
from collections.abc import Callable, Sequence
from itertools import count

from aiormq import Channel, Connection
from aiormq.abc import DeliveredMessage

from fleetwright import _crash
from fleetwright.events._broker import Delivery
from fleetwright.events.brokers._rabbit_claim import consumers_of
from fleetwright.events.brokers._rabbit_faults import told
from fleetwright.events.brokers._rabbit_link import calls, open_channel
from fleetwright.events.brokers._rabbit_wire import message_of

PREFETCH = 64
_tenures = count(1)  # of this process: each coming of a lane has its own


class Lane:
    """What one consumer of a lane's queue has received and not acknowledged.

    A channel of its own: its delivery tags count one queue, so that "everything up to
    here" is exactly the lane's, and closing it gives back the lane and no other.

    Attributes:
        number: 0 to 15; None for a queue with messages of all lanes.
        tenure: Which time the lane is here.
        in_hand: What was received and not acknowledged, by its delivery tag, in order.
    """

    def __init__(
        self,
        number: int | None,
        told: Callable[[], None],
        gone: Callable[[str], None],
    ) -> None:
        """Describe the lane.

        Args:
            number: 0 to 15; None for a queue with messages of all lanes.
            told: Called when something has come.
            gone: Called with the reason when nothing will come any more.
        """
        self.number = number
        self.tenure = next(_tenures)
        self.in_hand: dict[int, Delivery] = {}
        self._told = told
        self._gone = gone
        self._queue = ""
        self._channel: Channel | None = None
        self._is_leaving = False

    async def open(self, connection: Connection, queue: str) -> bool:
        """Begin to receive, unless somebody else receives from a lane's queue.

        Args:
            connection: Where.
            queue: Its name.

        Returns:
            Whether messages come here now.
        """
        self._queue = queue
        channel = await open_channel(connection, confirms=False)
        channel.on_consumer_cancel_callbacks.add(self._cancelled)
        channel.closing.add_done_callback(self._closed)
        self._channel = channel
        if self.number is not None and await consumers_of(channel, queue):
            await self.leave()
            return False
        await channel.basic_qos(prefetch_count=PREFETCH)
        await channel.basic_consume(queue, self._take)
        return True

    async def _take(self, delivered: DeliveredMessage) -> None:
        tag, key = delivered.delivery_tag or 0, delivered.routing_key or ""
        message = message_of(delivered.header.properties, key, delivered.body)
        lane = message.lane if self.number is None else self.number
        self.in_hand[tag] = Delivery(message, lane, self.tenure, tag)
        self._told()

    def _cancelled(self, _: object) -> None:
        self._gone(f"the server stopped delivering from {self._queue}")

    def _closed(self, closing: asyncio.Future[None]) -> None:
        error = None if closing.cancelled() else closing.exception()
        if self._is_leaving:
            return
        self._gone(f"{self._queue}: {told(error)}")

    async def leave(self) -> None:
        """Give the lane back; what is in hand goes to who takes it, in order.

        Raises:
            Lost: The connection is lost.
        """
        self._is_leaving = True
        self.in_hand = {}
        channel, self._channel = self._channel, None
        if channel is not None:
            with calls():
                await channel.close()

    async def acknowledge(self, positions: Sequence[int]) -> None:
        """Tell the server that deliveries are done.

        Args:
            positions: Of what is done.

        Raises:
            Lost: The channel is closed; they come again.
        """
        done = sorted(self.in_hand.keys() & set(positions))
        channel = self._channel
        if not done or channel is None:
            return
        for position in done:
            del self.in_hand[position]
        oldest_left = next(iter(self.in_hand), done[-1] + 1)
        up_to = [position for position in done if position < oldest_left]
        with calls():
            if up_to:
                await channel.basic_ack(up_to[-1], multiple=True)
            for position in done[len(up_to) :]:
                await channel.basic_ack(position)
        _crash.point("consumer.after_lane_ack")
