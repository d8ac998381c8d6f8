"""What Kafka has kept of a topic, read beside every group."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import suppress
from uuid import uuid4

from confluent_kafka import (
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from fleetwright.errors import Unavailable
from fleetwright.events._broker import Delivery
from fleetwright.events._kept import Span
from fleetwright.events.brokers._kafka_lag import Place
from fleetwright.events.brokers._kafka_link import (
    ANSWER_SECONDS,
    KafkaLink,
    client_settings,
    text_of,
)
from fleetwright.events.brokers._kafka_log import KafkaLog
from fleetwright.events.brokers._kafka_wire import message_in

_AT_ONCE = 500
_WAIT_SECONDS = 1.0
_MOST_WAITS = 20  # without anything: Kafka has gone


async def read(
    link: KafkaLink, span: Span, progress: Mapping[Place, tuple[int, int]]
) -> AsyncGenerator[Sequence[Delivery], None]:
    """Yield kept messages of some lanes, in order per lane.

    Args:
        link: To Kafka.
        span: From when to when, or from which offset to which of each lane.
        progress: Where each lane begins, and up to where it is read: what comes later
            is still to be delivered, and must not be overtaken.

    Yields:
        Some at a time.

    Raises:
        Unavailable: Kafka does not answer.
    """
    reader = _Reader(link, span, progress)
    try:
        if reader.left:
            await asyncio.to_thread(reader.begin)
        while reader.left:
            yield await asyncio.to_thread(reader.more)
    except KafkaException as error:
        raise link.unavailable(text_of(error)) from error
    finally:
        await asyncio.to_thread(reader.close)


class _Reader:
    """A consumer that is no member of any group; used by one thread at a time.

    Attributes:
        left: The lanes that are not read yet, and where each ends.
    """

    def __init__(
        self, link: KafkaLink, span: Span, progress: Mapping[Place, tuple[int, int]]
    ) -> None:
        some = {place: part for place, part in progress.items() if part[0] < part[1]}
        self.left = {place: end for place, (_, end) in some.items()}
        self._begins = {place: begin for place, (begin, _) in some.items()}
        self._link = link
        self._span = span
        self._waits = 0
        settings = client_settings(link.address) | {
            "group.id": f"fleetwright-reading-{uuid4()}",  # it never joins, nor commits
            "enable.auto.commit": False,
            "enable.partition.eof": True,
        }
        self._consumer = Consumer(settings, logger=KafkaLog())

    def begin(self) -> None:
        """Go to where each lane's part begins."""
        begins = dict(self._begins)
        if self._span.counts and self._span.first is not None:
            first = int(self._span.first)
            begins = {place: max(begin, first) for place, begin in begins.items()}
        since = max(self._span.not_before, self._since())
        asked = [TopicPartition(*place, int(since * 1000)) for place in begins]
        for it in self._consumer.offsets_for_times(asked, timeout=ANSWER_SECONDS):
            place = it.topic, it.partition
            # Nothing as young as that is told by a negative number.
            later = self.left[place] if it.offset < 0 else it.offset
            begins[place] = max(begins[place], later)
        self.left = {
            place: end for place, end in self.left.items() if begins[place] < end
        }
        self._consumer.assign(
            [TopicPartition(*place, begins[place]) for place in self.left]
        )

    def _since(self) -> float:
        """Return when the part begins; at the very first for a part in numbers."""
        return 0.0 if self._span.counts else (self._span.first or 0.0)

    def more(self) -> list[Delivery]:
        """Return what is read next.

        Raises:
            KafkaException: It cannot be read.
            Unavailable: Nothing has come for long.
        """
        records = self._consumer.consume(_AT_ONCE, timeout=_WAIT_SECONDS)
        self._waits = 0 if records else self._waits + 1
        if self._waits >= _MOST_WAITS:
            raise self._silent()
        return [found for record in records if (found := self._read(record))]

    def _silent(self) -> Unavailable:
        return self._link.unavailable("it does not give what it has kept")

    def _read(self, record: Message) -> Delivery | None:
        error, place = record.error(), (record.topic() or "", record.partition() or 0)
        if error is not None:
            if error.code() != KafkaError._PARTITION_EOF:
                raise KafkaException(error)
            self.left.pop(place, None)
            return None
        end = self.left.get(place)
        if end is None:
            return None
        offset = record.offset() or 0
        if offset + 1 >= end:
            del self.left[place]
        if offset >= end or not self._is_wanted(offset, record.timestamp()[1] / 1000):
            return None
        found = message_in(record)
        if found is None:
            return None
        message, lane, _ = found
        return Delivery(message, lane, 0, offset, message.topic)

    def _is_wanted(self, offset: int, at: float) -> bool:
        span = self._span
        place = offset if span.counts else at
        is_late = span.last is not None and place > span.last
        return not is_late and at >= max(span.not_before, self._since())

    def close(self) -> None:
        """Give the connections back."""
        with suppress(RuntimeError):  # it was closed
            self._consumer.close()
