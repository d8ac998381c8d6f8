"""What one process receives from RabbitMQ for its group."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from math import ceil
from random import Random
from typing import Any

import structlog
from aiormq import Channel, Connection
from aiormq.abc import DeliveredMessage

from fleetwright.events._broker import Delivery
from fleetwright.events._envelope import LANES
from fleetwright.events.brokers._rabbit_address import Address
from fleetwright.events.brokers._rabbit_claim import Claim, consumers_of
from fleetwright.events.brokers._rabbit_faults import Lost, fault_of, told_again
from fleetwright.events.brokers._rabbit_lane import Lane
from fleetwright.events.brokers._rabbit_link import PROBE_SECONDS, Link, open_channel
from fleetwright.events.brokers._rabbit_takeover import LOOK_SECONDS, Takeover
from fleetwright.events.brokers._rabbit_topology import (
    dead_of,
    declare_exchange,
    declare_group,
    members_of,
    queue_of,
    unbind_group,
)

_Change = Callable[[Connection, str, Sequence[str]], Coroutine[Any, Any, None]]
_CHANGE_SECONDS = 5.0
_CLAIM_SECONDS = 0.2  # until another member has taken its lanes
_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("fleetwright")


class RabbitReceiver:
    """One member of a group: a consumer at each lane's queue, on its own connection.

    A lane nobody receives from is taken by whoever has less than its share of them, one
    member at a time. What it has too much it gives back between batches; the lanes of a
    member that has gone are free at once.

    Attributes:
        link: Its connection.
        group: Who hears.
        waiting: How many messages waited for it at the server's last answer.
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
        self.group = group
        self.waiting = 0
        self._address = address
        self._topics = topics
        self._open: dict[int, Lane] = {}
        self._share = LANES
        self._woken = asyncio.Event()
        self._next = 0
        self._is_closed = False
        self._dead = 0
        self._connection: Connection | None = None
        self._asking: Channel | None = None
        self._claim: Claim | None = None
        self._takeover: Takeover | None = None

    async def begin(self, connection: Connection) -> None:
        """Declare the group, be counted and take a share of the lanes.

        Args:
            connection: A new one.
        """
        self._asking = asking = await open_channel(connection, confirms=False)
        await declare_exchange(asking)
        await declare_group(connection, self.group, self._topics)
        asking.on_consumer_cancel_callbacks.add(self._uncounted)
        await asking.basic_consume(members_of(self.group), _never)
        self._connection = connection
        self._claim = Claim(connection, self.group)
        gone = self.link.suspect
        self._takeover = Takeover(connection, self._topics, self._woken.set, gone)
        await self.probe()

    def _uncounted(self, _: object) -> None:
        self.link.suspect("the server counts us no more among the members")

    async def probe(self) -> float:
        """See that each queue knows who receives from it; take lanes that are free.

        Returns:
            After how many seconds to look again.

        Raises:
            Lost: A queue does not know that we receive from it.
        """
        asking = self._asking
        if asking is None:
            return PROBE_SECONDS
        members = await consumers_of(asking, members_of(self.group))
        self._share = ceil(LANES / max(1, members))
        free, waiting = [], 0
        for number in range(LANES):
            queue = queue_of(self.group, number)
            state = await asking.queue_declare(queue, passive=True)
            waiting += state.message_count or 0
            if state.consumer_count:
                continue
            if number in self._open:
                raise Lost(f"{queue} does not know that we receive from it")
            free.append(number)
        self.waiting = waiting
        await self._tell_dead(asking)
        self._woken.set()  # whoever waits gives back what is too much
        if free and len(self._open) < self._share:
            return await self._take(free)
        return PROBE_SECONDS

    async def _tell_dead(self, asking: Channel) -> None:
        """Say it when the crash guard has put messages aside."""
        queue = dead_of(self.group)
        state = await asking.queue_declare(queue, passive=True)
        dead = state.message_count or 0
        if dead > self._dead:
            _log.error("broker.dead_letters", queue=queue, messages=dead)
        self._dead = dead

    async def _take(self, free: Sequence[int]) -> float:
        """Take free lanes up to our share; nobody else takes any meanwhile."""
        connection, claim, takeover = self._connection, self._claim, self._takeover
        if connection is None or claim is None or takeover is None:
            return PROBE_SECONDS
        if not await claim.take():
            return _CLAIM_SECONDS
        if not await takeover.is_done():
            return LOOK_SECONDS
        wanted = free[: self._share - len(self._open)]
        await asyncio.gather(*(self._receive_from(connection, n) for n in wanted))
        await claim.give_up()
        return PROBE_SECONDS if len(self._open) >= self._share else _CLAIM_SECONDS

    async def _receive_from(self, connection: Connection, number: int) -> None:
        lane = Lane(number, self._woken.set, self.link.suspect)
        if await lane.open(connection, queue_of(self.group, number)):
            self._open[number] = lane

    async def _give_back(self) -> None:
        """Leave the lanes that are more than our share; other members take them."""
        ours = sorted(self._open.values(), key=lambda lane: len(lane.in_hand))
        for lane in ours[: max(0, len(ours) - self._share)]:
            self._open = {n: one for n, one in self._open.items() if one is not lane}
            try:
                await self.link.run(lane.leave())
            except Lost:
                return  # all lanes have gone with the connection

    def end(self) -> None:
        """Forget the connection and what was in hand; it comes again."""
        self._open = {}
        self._share = LANES
        self._connection = self._asking = self._claim = self._takeover = None

    @property
    def lanes(self) -> Mapping[int, int]:
        """The lanes whose messages come here, and the tenure of each."""
        return {number: lane.tenure for number, lane in self._open.items()}

    async def check(self) -> None:
        """Raise while nothing is received.

        Raises:
            Unavailable: There is no connection.
        """
        if self.link.fault is not None:
            raise told_again(self.link.fault, f"{self.group} hears nothing: ")

    async def receive(self, limit: int) -> Sequence[Delivery]:
        """Wait for messages.

        Args:
            limit: How many at most.

        Returns:
            At least one delivery, oldest first within a lane.
        """
        await asyncio.sleep(0)  # what is in hand must not keep the loop for itself
        while True:
            self._woken.clear()
            await self._give_back()  # here nobody works at what was in hand
            found = self._in_hand(limit)
            if found:
                return found
            await self._woken.wait()

    def _in_hand(self, limit: int) -> list[Delivery]:
        found: list[Delivery] = []
        self._next += 1  # begin with another lane each time: none is left behind
        lanes = self._received()
        for offset in range(len(lanes)):
            lane = lanes[(self._next + offset) % len(lanes)]
            if len(found) < limit:
                found += list(lane.in_hand.values())[: limit - len(found)]
        return found

    def _received(self) -> list[Lane]:
        early = None if self._takeover is None else self._takeover.lane
        return [*self._open.values(), *([] if early is None else [early])]

    async def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """Never deliver these again; what has gone with its lane comes again.

        Args:
            deliveries: What was received and is done.
        """
        done: dict[Lane, list[int]] = {}
        lanes = {lane.tenure: lane for lane in self._received()}
        for delivery in deliveries:
            lane = lanes.get(delivery.epoch)
            if lane is not None:
                done.setdefault(lane, []).append(delivery.position)
        with suppress(Lost):  # they come again
            await self.link.run(_acknowledge(done))

    async def unsubscribe(self, topics: Sequence[str]) -> None:
        """Take the group's queues off topics that none of its members hears.

        Args:
            topics: Of other members, once.

        Raises:
            Unavailable: The server does not answer.
        """
        await self._have(unbind_group, topics)

    async def subscribe_again(self, topics: Sequence[str]) -> None:
        """Bind the group's queues to topics, as when it was joined.

        Args:
            topics: Of this member.

        Raises:
            Unavailable: The server does not answer.
        """
        await self._have(declare_group, topics)

    async def _have(self, change: _Change, topics: Sequence[str]) -> None:
        await self.check()
        connection = self._connection
        try:
            async with asyncio.timeout(_CHANGE_SECONDS):
                if connection is not None:
                    await self.link.run(change(connection, self.group, topics))
        except (Lost, TimeoutError) as error:
            raise fault_of(error, self._address) from error

    @property
    def is_closed(self) -> bool:
        """Whether the member has left."""
        return self._is_closed

    async def close(self) -> None:
        """Leave the group; others take the lanes at once."""
        self._is_closed = True
        await self.link.close()


async def _acknowledge(done: Mapping[Lane, Sequence[int]]) -> None:
    await asyncio.gather(*(lane.acknowledge(these) for lane, these in done.items()))


async def _never(_: DeliveredMessage) -> None:
    """Nothing is published to the queue that counts the members."""
