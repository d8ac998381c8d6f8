"""What one process receives of a group, as the loop sees it."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import structlog

from fleetwright._clock import clock
from fleetwright.errors import FleetwrightError
from fleetwright.events._broker import Delivery
from fleetwright.events.brokers._kafka_link import KafkaLink
from fleetwright.events.brokers._kafka_member import KafkaMember
from fleetwright.events.brokers._kafka_topics import Topics
from fleetwright.events.brokers._kafka_watch import LOOK_SECONDS, KafkaWatch

CLOSE_SECONDS = 5.0
_CLOSE_IN_VAIN_SECONDS = 1.0  # Kafka is away: nothing can be committed
_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("fleetwright")


class KafkaReceiver:
    """One member of a group, as the loop sees it: at least once, in order per lane.

    It waits for Kafka by itself. Safe to use from several tasks of one event loop.

    Attributes:
        is_closed: Whether the group has been left.
    """

    def __init__(
        self, link: KafkaLink, topics: Topics, group: str, heard: Sequence[str]
    ) -> None:
        """Begin to join as soon as Kafka is there.

        Args:
            link: To Kafka.
            topics: Which topics there are.
            group: The consuming service.
            heard: What it hears.
        """
        self._link = link
        self._topics = topics
        self._group = group
        self._heard = tuple(dict.fromkeys(heard))
        self._loop = asyncio.get_running_loop()
        self._woken = asyncio.Event()
        self._unusable: FleetwrightError | None = None
        self.is_closed = False
        self._watches = [KafkaWatch(self._maker(topic)) for topic in self._heard]
        self._turn = 0
        self._has_started = False
        self._tending = asyncio.create_task(self._tend(), name="kafka-receiver")

    def _maker(self, topic: str) -> Callable[[], KafkaMember]:
        link = self._link
        return partial(
            KafkaMember, link.address, self._group, topic, self._came, link.doubt
        )

    @property
    def _members(self) -> list[KafkaMember]:
        return [watch.member for watch in self._watches]

    @property
    def lanes(self) -> Mapping[int, int]:
        """The lanes owned now, of whatever topic, and their tenures."""
        lanes: dict[int, int] = {}
        for member in self._members:
            for lane, tenure in member.hand.lanes().items():
                lanes[lane] = max(tenure, lanes.get(lane, 0))
        return lanes

    async def receive(self, limit: int) -> Sequence[Delivery]:
        """Wait for messages of the lanes owned.

        Args:
            limit: How many at most.

        Returns:
            At least one delivery, oldest first within a lane.

        Raises:
            FleetwrightError: A topic cannot be heard as it is.
        """
        await asyncio.sleep(0)  # what is in hand must not keep the loop for itself
        while True:
            self._woken.clear()
            if self._unusable is not None:
                raise self._unusable
            found = self._take(limit)
            if found:
                return found
            await self._woken.wait()

    def _take(self, limit: int) -> list[Delivery]:
        """Take a fair share of each topic, another one first each time."""
        found: list[Delivery] = []
        hands = [it.hand for it in self._members if it.hand.has_some()]
        if hands:
            self._turn = (self._turn + 1) % len(hands)
            share = max(1, limit // len(hands))
            for hand in hands[self._turn :] + hands[: self._turn]:
                found += hand.take(min(share, limit - len(found)))
        return found

    async def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """Let go of deliveries; their offsets are committed shortly after, in order.

        Args:
            deliveries: What is done; what belongs to a lane that has gone is ignored.
        """
        for member in self._members:
            mine = [it for it in deliveries if it.stream == member.topic]
            member.hand.finish(mine)

    async def close(self) -> None:
        """Commit what is done and leave the group at once; safe to call again."""
        if self.is_closed:
            return
        self.is_closed = True
        self._tending.cancel()
        await asyncio.gather(self._tending, return_exceptions=True)
        if self._has_started:
            for member in self._members:
                member.leave()
            limit = CLOSE_SECONDS if self._link.is_there else _CLOSE_IN_VAIN_SECONDS
            end = clock().monotonic() + limit
            for member in self._members:
                left = max(0.0, end - clock().monotonic())
                if not await self._loop.run_in_executor(None, member.wait, left):
                    _log.warning("group.not_left", group=self._group)

    def check(self) -> None:
        """Raise when nothing is received that should be.

        Raises:
            FleetwrightError: A topic cannot be heard as it is.
            Unavailable: The group has not let it in, or it is deaf.
        """
        if self._unusable is not None:
            raise self._unusable
        for watch in self._watches:
            reason = watch.reason()
            if reason is not None:
                raise self._link.unavailable(f"{watch.member.topic}: {reason}")

    def _came(self) -> None:
        # Called in the member's thread.
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._woken.set)

    async def _tend(self) -> None:
        """Make the topics that are heard, then join; make them again when they go."""
        while True:
            await self._link.found()
            try:
                unusable = await self._topics.make(self._heard)
            except FleetwrightError as error:
                _log.warning("topics.not_made", group=self._group, error=error.message)
            else:
                self._judge(unusable)
                if not unusable and not self._has_started:
                    self._has_started = True
                    for watch in self._watches:
                        watch.start()
            await clock().sleep(LOOK_SECONDS)
            if self._has_started and self._link.is_there:
                for watch in self._watches:
                    watch.look()
            troubled = [it.topic for it in self._members if it.trouble is not None]
            self._topics.forget(troubled)

    def _judge(self, unusable: Mapping[str, str]) -> None:
        was, self._unusable = self._unusable, None
        for reason in unusable.values():
            self._unusable = FleetwrightError(
                f"events cannot be heard: {reason}",
                where=str(self._link.address),
                hint="make the topic with 16 partitions, or let this service make it",
            )
            if was is None:
                _log.error("topic.unusable", group=self._group, reason=reason)
            self._woken.set()
