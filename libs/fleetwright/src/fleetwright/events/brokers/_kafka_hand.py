"""What is in hand of each partition: received, done, and to be committed."""

import threading
from collections import deque
from collections.abc import Iterable, Sequence
from itertools import count, islice

from fleetwright.events._broker import Delivery
from fleetwright.events._envelope import Message

Place = tuple[str, int]  # a topic and a partition

MOST_WAITING = 256  # messages of one partition; more stay with the broker
MOST_WAITING_BYTES = 1024 * 1024
_FEWEST_WAITING = 64  # go on receiving below
_SMALLEST_SHARE = 8
_tenures = count(1)  # of all receivers of this process


class _Lane:
    """One partition while it is ours."""

    def __init__(self) -> None:
        self.tenure = next(_tenures)
        self.waiting: deque[Delivery] = deque()
        self.waiting_bytes = 0
        self.done: set[int] = set()
        self.next_offset: int | None = None  # what is to be committed
        self.committed: int | None = None
        self.is_paused = False

    def is_full(self) -> bool:
        return (
            len(self.waiting) >= MOST_WAITING
            or self.waiting_bytes >= MOST_WAITING_BYTES
        )

    def has_room(self) -> bool:
        return (
            len(self.waiting) <= _FEWEST_WAITING
            and self.waiting_bytes <= MOST_WAITING_BYTES // 4
        )

    def forget_done(self) -> None:
        """Let go of what is done, as far as nothing before it is still to do."""
        while self.waiting and self.waiting[0].position in self.done:
            delivery = self.waiting.popleft()
            self.waiting_bytes -= len(delivery.message.body)
            self.done.discard(delivery.position)
            self.next_offset = delivery.position + 1


class Hand:
    """The partitions of one member and what it holds of them.

    Filled by the thread that receives, emptied by the loop that handles: safe to use
    from both.
    """

    def __init__(self) -> None:
        """Hold nothing."""
        self._lanes: dict[Place, _Lane] = {}
        self._lock = threading.Lock()
        self._turn = 0

    def gain(self, places: Iterable[Place]) -> None:
        """Begin to hold partitions; each with a new tenure.

        Args:
            places: The partitions.
        """
        with self._lock:
            self._lanes |= {place: _Lane() for place in places}

    def lose(self, places: Iterable[Place]) -> None:
        """Drop what is in hand of partitions.

        Args:
            places: The partitions.
        """
        with self._lock:
            for place in places:
                self._lanes.pop(place, None)

    def places(self) -> list[Place]:
        """Return the partitions held."""
        with self._lock:
            return list(self._lanes)

    def lanes(self) -> dict[int, int]:
        """Return the partitions held, of whatever topic, and their latest tenures."""
        with self._lock:
            return {
                partition: max(
                    lane.tenure
                    for (_, other), lane in self._lanes.items()
                    if other == partition
                )
                for _, partition in sorted(self._lanes, key=lambda place: place[1])
            }

    def put(self, message: Message, partition: int, offset: int) -> None:
        """Take what was received; nothing of a partition that is not held.

        Args:
            message: What it is.
            partition: Of its topic.
            offset: In the partition.
        """
        with self._lock:
            lane = self._lanes.get((message.topic, partition))
            if lane is not None:
                lane.waiting.append(
                    Delivery(message, partition, lane.tenure, offset, message.topic)
                )
                lane.waiting_bytes += len(message.body)

    def has_some(self) -> bool:
        """Return whether something waits."""
        with self._lock:
            return any(lane.waiting for lane in self._lanes.values())

    def take(self, limit: int) -> list[Delivery]:
        """Return the oldest of each partition that are not done.

        Args:
            limit: How many at most.

        Returns:
            A fair share of each partition; empty when nothing waits.
        """
        found: list[Delivery] = []
        with self._lock:
            lanes = [lane for lane in self._lanes.values() if lane.waiting]
            if not lanes:
                return found
            self._turn = (self._turn + 1) % len(lanes)
            share = max(_SMALLEST_SHARE, limit // len(lanes))
            for lane in lanes[self._turn :] + lanes[: self._turn]:
                undone = (it for it in lane.waiting if it.position not in lane.done)
                found.extend(islice(undone, min(share, limit - len(found))))
        return found

    def finish(self, deliveries: Sequence[Delivery]) -> None:
        """Let go of deliveries, where the partition has not changed hands since.

        Args:
            deliveries: What is done.
        """
        with self._lock:
            touched: set[_Lane] = set()
            for delivery in deliveries:
                lane = self._lanes.get((delivery.stream, delivery.lane))
                if lane is None or lane.tenure != delivery.epoch or not lane.waiting:
                    continue
                if delivery.position >= lane.waiting[0].position:
                    lane.done.add(delivery.position)
                    touched.add(lane)
            for lane in touched:
                lane.forget_done()

    def to_commit(self) -> dict[Place, int]:
        """Return the offsets that are not committed yet, and take them as committed."""
        with self._lock:
            changed = {
                place: lane.next_offset
                for place, lane in self._lanes.items()
                if lane.next_offset is not None and lane.next_offset != lane.committed
            }
            for place, offset in changed.items():
                self._lanes[place].committed = offset
            return changed

    def not_committed(self, places: Iterable[Place]) -> None:
        """Have offsets committed again.

        Args:
            places: The partitions whose offset was refused.
        """
        with self._lock:
            for place in places:
                if place in self._lanes:
                    self._lanes[place].committed = None

    def to_pause(self) -> list[Place]:
        """Return partitions of which enough is in hand, and take them as paused."""
        return self._switch(is_paused=True)

    def to_resume(self) -> list[Place]:
        """Return partitions that have room again, and take them as resumed."""
        return self._switch(is_paused=False)

    def _switch(self, *, is_paused: bool) -> list[Place]:
        with self._lock:
            places = [
                place
                for place, lane in self._lanes.items()
                if lane.is_paused is not is_paused
                and (lane.is_full() if is_paused else lane.has_room())
            ]
            for place in places:
                self._lanes[place].is_paused = is_paused
            return places
