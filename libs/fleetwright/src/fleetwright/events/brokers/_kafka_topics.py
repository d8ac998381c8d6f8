"""Topics with one partition a lane: made where they are missing, never taken amiss."""

import asyncio
import re
from collections.abc import Iterable

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.cimpl import NewTopic

from fleetwright._clock import clock
from fleetwright.events._envelope import LANES
from fleetwright.events.brokers._kafka_link import ANSWER_SECONDS, KafkaLink, text_of

_NAME = re.compile(r"[A-Za-z0-9._-]{1,249}")
_LOOK_SECONDS = 0.05
_REPLICAS_BY_BROKER = -1  # the broker's default.replication.factor


class Topics:
    """The topics known to have a partition for each lane.

    Safe to call from several tasks; several processes may make one topic at once.
    """

    def __init__(self, link: KafkaLink) -> None:
        """Know none.

        Args:
            link: Whom to ask.
        """
        self._link = link
        self._good: set[str] = set()
        self._asking = asyncio.Lock()

    def forget(self, topics: Iterable[str]) -> None:
        """Look again when these are next needed: they may have been deleted.

        Args:
            topics: Their names.
        """
        self._good.difference_update(topics)

    async def make(self, topics: Iterable[str]) -> dict[str, str]:
        """Make the topics that are missing.

        Args:
            topics: Their names.

        Returns:
            Those that cannot be used, and why; empty as a rule.

        Raises:
            Unavailable: Kafka did not answer.
        """
        if self._good.issuperset(topics):
            return {}
        async with self._asking:
            wanted = [topic for topic in dict.fromkeys(topics)]
            return {
                topic: reason
                for topic in wanted
                if topic not in self._good
                and (reason := await self._look(topic)) is not None
            }

    async def _look(self, topic: str) -> str | None:
        """Find or make one topic; return why it cannot be used."""
        if not _NAME.fullmatch(topic) or topic in (".", ".."):
            return f"{topic!r} cannot be the name of a topic of Kafka"
        try:
            partitions = await self._partitions(topic)
            if partitions is None:
                await self._make(topic)
                partitions = await self._seen(topic)
        except KafkaException as error:
            return f"the topic {topic} cannot be made: {text_of(error)}"
        if partitions is None:
            raise self._link.unavailable(f"the topic {topic} is being made")
        if partitions != LANES:
            return (
                f"the topic {topic} has {partitions} partitions, not {LANES}:"
                " order per key would be lost"
            )
        self._good.add(topic)
        return None

    async def _partitions(self, topic: str) -> int | None:
        asked = self._link.admin.describe_topics(
            TopicCollection([topic]), request_timeout=ANSWER_SECONDS
        )
        try:
            found = await self._link.answer(asked[topic])
        except KafkaException as error:
            if error.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                return None
            raise
        return len(found.partitions)

    async def _seen(self, topic: str) -> int | None:
        """Wait until brokers know a new topic; return how many partitions it has."""
        end = clock().monotonic() + ANSWER_SECONDS
        while (partitions := await self._partitions(topic)) is None:
            if clock().monotonic() > end:
                return None
            await clock().sleep(_LOOK_SECONDS)
        return partitions

    async def _make(self, topic: str) -> None:
        """Make a topic, unless somebody else does so at the same time."""
        new = NewTopic(topic, LANES, replication_factor=_REPLICAS_BY_BROKER)
        asked = self._link.admin.create_topics([new], request_timeout=ANSWER_SECONDS)
        try:
            await self._link.answer(asked[topic])
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise
