"""What one process receives from RabbitMQ for its group."""

import asyncio
from collections.abc import Mapping, Sequence
from itertools import count
from random import Random

from aiormq import Channel, Connection

from fleetwright.events._broker import Delivery
from fleetwright.events._envelope import LANES
from fleetwright.events.brokers._rabbit_address import Address
from fleetwright.events.brokers._rabbit_faults import Lost, told_again
from fleetwright.events.brokers._rabbit_lane import Lane
from fleetwright.events.brokers._rabbit_link import Link, open_channel
from fleetwright.events.brokers._rabbit_topology import (
    declare_exchange,
    declare_group,
    queue_of,
)


class RabbitReceiver:
    """One member of a group: a consumer at each lane's queue, on its own connection.

    The server lets one member at a time receive from a lane, and hands the lane on in
    order when its member has gone.

    Attributes:
        link: Its connection.
    """

    def __init__(
        self, address: Address, group: str, topics: Sequence[str], random: Random
    ) -> None:
        """Describe the member.

        Args:
            address: Where the server is.
            group: Who hears.
            topics: What it hears.
            random: Where the jitter of the pauses comes from.
        """
        self.link = Link(address, f"consumer {group}", self, random)
        self._group = group
        self._topics = topics
        self._open: dict[int, Lane] = {}
        self._tenures = count(1)
        self._woken = asyncio.Event()
        self._next = 0
        self._is_closed = False
        self._asking: Channel | None = None

    async def begin(self, connection: Connection) -> None:
        """Declare the group and begin to receive.

        Args:
            connection: A new one.
        """
        self._asking = await open_channel(connection, confirms=False)
        await declare_exchange(self._asking)
        await declare_group(self._asking, self._group, self._topics)
        for number in range(LANES):
            lane = Lane(number, next(self._tenures), self._woken.set, self.link.suspect)
            self._open[number] = lane
            await lane.open(connection, queue_of(self._group, number))

    async def probe(self) -> None:
        """See whether each queue is there and knows that it is consumed.

        Raises:
            Lost: A queue has nobody who receives from it.
        """
        asking = self._asking
        if asking is None:
            return
        for number in range(LANES):
            queue = queue_of(self._group, number)
            state = await asking.queue_declare(queue, passive=True)
            if not state.consumer_count:
                raise Lost(f"nobody receives from {queue}")

    def end(self) -> None:
        """Forget the connection and what was in hand; it comes again."""
        self._open = {}
        self._asking = None

    @property
    def lanes(self) -> Mapping[int, int]:
        """The lanes that are received here, and the tenure of each."""
        return {number: lane.tenure for number, lane in self._open.items()}

    async def check(self) -> None:
        """Raise while nothing is received.

        Raises:
            Unavailable: There is no connection.
        """
        if self.link.fault is not None:
            raise told_again(self.link.fault, f"{self._group} hears nothing: ")

    async def receive(self, limit: int) -> Sequence[Delivery]:
        """Wait for messages.

        Args:
            limit: How many at most.

        Returns:
            At least one delivery, oldest first within a lane.
        """
        while True:
            self._woken.clear()
            found = self._in_hand(limit)
            if found:
                return found
            await self._woken.wait()

    def _in_hand(self, limit: int) -> list[Delivery]:
        found: list[Delivery] = []
        self._next += 1  # begin with another lane each time: none is left behind
        for offset in range(LANES):
            lane = self._open.get((self._next + offset) % LANES)
            if lane is not None and len(found) < limit:
                found += list(lane.in_hand.values())[: limit - len(found)]
        return found

    async def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """Never deliver these again; what has gone with its lane comes again.

        Args:
            deliveries: What was received and is done.
        """
        done: dict[Lane, list[int]] = {}
        for delivery in deliveries:
            lane = self._open.get(delivery.lane)
            if lane is not None and lane.tenure == delivery.epoch:
                done.setdefault(lane, []).append(delivery.position)
        told = [lane.acknowledge(positions) for lane, positions in done.items()]
        for result in await asyncio.gather(*told, return_exceptions=True):
            if isinstance(result, BaseException) and not isinstance(result, Lost):
                raise result

    @property
    def is_closed(self) -> bool:
        """Whether the member has left."""
        return self._is_closed

    async def close(self) -> None:
        """Leave the group; others take the lanes at once."""
        self._is_closed = True
        await self.link.close()
