"""One member of a consumer group, for one topic, in a thread of its own.

The thread polls whatever the service does: a slow reaction does not lose a partition.
Each topic has a member of its own because the sticky assignor counts partitions and not
topics: a process that joins would be given some topics whole, and no others.
"""

import threading
from collections.abc import Callable, Sequence

import structlog
from confluent_kafka import (
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from fleetwright import _crash
from fleetwright._clock import clock
from fleetwright.events.brokers._kafka_hand import Hand, Place
from fleetwright.events.brokers._kafka_link import client_settings, text_of
from fleetwright.events.brokers._kafka_log import KafkaLog
from fleetwright.events.brokers._kafka_url import KafkaAddress
from fleetwright.events.brokers._kafka_wire import message_in

_POLL_SECONDS = 0.1
_AT_ONCE = 256
_COMMIT_AGAIN_SECONDS = 5.0  # after a commit that was never answered
_LONGEST_POLL_SECONDS = 30  # polling waits for nobody: who does not poll is broken
_PASSING = {
    KafkaError._TRANSPORT,
    KafkaError._ALL_BROKERS_DOWN,
    KafkaError._TIMED_OUT,
    KafkaError._TIMED_OUT_QUEUE,
    KafkaError._RESOLVE,
}  # told by the link
_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("fleetwright")


class KafkaMember:
    """Receives into a hand and commits out of it, until it is told to leave.

    Attributes:
        topic: What it hears.
        hand: What it holds.
        turns: How often its thread has come round.
        has_joined: Whether the group has told it which partitions are its own.
        trouble: What is in the way of receiving, as far as Kafka has told; None when
            nothing is.
    """

    def __init__(
        self,
        address: KafkaAddress,
        group: str,
        topic: str,
        came: Callable[[], None],
        doubt: Callable[[], None],
    ) -> None:
        """Describe the member; it joins when it is started.

        Args:
            address: Where Kafka is.
            group: The consuming service.
            topic: What it hears; it exists.
            came: Called in the thread when something was received.
            doubt: Called in the thread when a connection fails.
        """
        self.hand = Hand()
        self.turns = 0
        self.has_joined = False
        self.trouble: str | None = None
        self._group = group
        self.topic = topic
        self._came = came
        self._doubt = doubt
        self._settings = _settings(address, group)
        self._is_leaving = False
        self._commit_sent_at: float | None = None
        self._thread = threading.Thread(
            target=self._live, name=f"kafka-{topic}", daemon=True
        )

    def start(self) -> None:
        """Join the group."""
        self._thread.start()

    def leave(self) -> None:
        """Commit what is done and leave the group; returns before that is done."""
        self._is_leaving = True

    def wait(self, seconds: float) -> bool:
        """Wait until the group has been left.

        Args:
            seconds: The longest wait.

        Returns:
            Whether it has.
        """
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _live(self) -> None:
        while not self._is_leaving:
            try:
                self._take_part()
            except KafkaException as error:
                self.trouble = text_of(error)
                _log.warning(
                    "member.failed", group=self._group, error=self.trouble, again_in=1.0
                )
                self._pause()

    def _take_part(self) -> None:
        """Be a member until told to leave, or until the client is beyond repair."""
        consumer = Consumer(
            self._settings,
            on_commit=self._on_commit,
            error_cb=lambda _: self._doubt(),
            logger=KafkaLog(),
        )
        try:
            consumer.subscribe(
                [self.topic],
                on_assign=self._on_assign,
                on_revoke=self._on_revoke,
                on_lost=self._on_lost,
            )
            while not self._is_leaving:
                self._receive(consumer)
                self._set_flow(consumer)
                self._commit(consumer)
                self.turns += 1
            self._commit_sent_at = None
            self._commit(consumer)
        finally:
            consumer.close()
            self.hand.lose(self.hand.places())
            self.has_joined = False

    def _receive(self, consumer: Consumer) -> None:
        # One by one: partitions are lost and gained between two messages, never
        # behind the back of some that were returned together.
        record = consumer.poll(_POLL_SECONDS)
        left = _AT_ONCE
        has_some = False
        while record is not None:
            error = record.error()
            if error is None:
                self._put(record)
                has_some = True
            else:
                self._on_error(error)
            left -= 1
            record = consumer.poll(0) if left else None
        if has_some:
            self.trouble = None
            self._came()

    def _put(self, record: Message) -> None:
        found = message_in(record)
        if found is not None:
            self.hand.put(*found)

    def _set_flow(self, consumer: Consumer) -> None:
        full = self.hand.to_pause()
        if full:
            consumer.pause(_partitions(full))
        roomy = self.hand.to_resume()
        if roomy:
            consumer.resume(_partitions(roomy))

    def _commit(self, consumer: Consumer) -> None:
        """Commit what is done; one commit at a time."""
        now = clock().monotonic()
        sent_at = self._commit_sent_at
        if sent_at is not None and now - sent_at < _COMMIT_AGAIN_SECONDS:
            return
        self._send_commit(consumer, self.hand.to_commit())

    def _send_commit(self, consumer: Consumer, offsets: dict[Place, int]) -> None:
        if not offsets:
            return
        self._commit_sent_at = clock().monotonic()
        _crash.point("consumer.before_offsets")
        try:
            consumer.commit(
                offsets=[
                    TopicPartition(topic, partition, offset)
                    for (topic, partition), offset in offsets.items()
                ],
                asynchronous=True,
            )
        except KafkaException as error:
            self._on_commit(error.args[0], [])
            self.hand.not_committed(offsets)

    def _on_commit(
        self, error: KafkaError | None, partitions: Sequence[TopicPartition]
    ) -> None:
        self._commit_sent_at = None
        _crash.point("consumer.after_offsets")
        failed = [it for it in partitions if error is not None or it.error is not None]
        if failed:
            self.hand.not_committed((it.topic, it.partition) for it in failed)
        if error is not None:
            _log.debug("offsets.refused", group=self._group, error=text_of(error))

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self.hand.gain(_places(partitions))
        self.has_joined, self.trouble = True, None
        self._tell("lanes.gained", partitions)

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        # Before the group goes on: the request is sent ahead of the one to join again.
        self._send_commit(consumer, self.hand.to_commit())
        self.hand.lose(_places(partitions))
        self._tell("lanes.released", partitions)

    def _on_lost(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self.hand.lose(_places(partitions))
        self.has_joined = False
        self._tell("lanes.lost", partitions)

    def _tell(self, event: str, partitions: list[TopicPartition]) -> None:
        if partitions:
            lanes = sorted(it.partition for it in partitions)
            _log.info(event, group=self._group, topic=self.topic, lanes=lanes)

    def _on_error(self, error: KafkaError) -> None:
        if error.fatal():
            raise KafkaException(error)
        if error.code() not in _PASSING and self.trouble != error.str():
            self.trouble = error.str()
            _log.warning("member.refused", group=self._group, error=self.trouble)

    def _pause(self) -> None:
        threading.Event().wait(1.0)


def _settings(address: KafkaAddress, group: str) -> dict[str, str | int | float | bool]:
    session_ms = int(address.session_seconds * 1000)
    return {
        **client_settings(address),
        "group.id": group,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "earliest",  # a new group hears what was published before
        "partition.assignment.strategy": "cooperative-sticky",
        "session.timeout.ms": session_ms,
        "heartbeat.interval.ms": min(500, session_ms // 4),
        "max.poll.interval.ms": max(_LONGEST_POLL_SECONDS * 1000, session_ms),
        "topic.metadata.refresh.interval.ms": 2000,
        "queued.min.messages": 1000,
        "queued.max.messages.kbytes": 16 * 1024,
        "fetch.wait.max.ms": 500,
        "fetch.error.backoff.ms": 100,
    }


def _places(partitions: Sequence[TopicPartition]) -> list[Place]:
    return [(it.topic, it.partition) for it in partitions]


def _partitions(places: Sequence[Place]) -> list[TopicPartition]:
    return [TopicPartition(topic, partition) for topic, partition in places]
