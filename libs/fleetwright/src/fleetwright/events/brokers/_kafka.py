"""Apache Kafka as a broker: a topic is a topic, a lane is a partition."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from random import Random
from typing import Final

from fleetwright.events._broker import Delivery, Receiver
from fleetwright.events._envelope import Message
from fleetwright.events._kept import Backlog, Span
from fleetwright.events.brokers._kafka_lag import kept_seconds, lag, progress
from fleetwright.events.brokers._kafka_link import ANSWER_SECONDS, KafkaLink
from fleetwright.events.brokers._kafka_publisher import KafkaPublisher
from fleetwright.events.brokers._kafka_reading import read
from fleetwright.events.brokers._kafka_receiver import KafkaReceiver
from fleetwright.events.brokers._kafka_topics import Topics
from fleetwright.events.brokers._kafka_url import parse


class KafkaBroker:
    """A Kafka that publishers and groups share: at least once, in order per lane.

    A message is confirmed by all replicas in sync when `publish` returns. A group is
    a consumer group; its members share the partitions of each topic. A new group hears
    what the topic still keeps. Safe to call from several tasks of one event loop.

    Attributes:
        is_essential: False; a service without its broker is degraded and goes on.
    """

    is_essential: Final = False

    def __init__(self, url: str, *, random: Random | None = None) -> None:
        """Describe the broker; it is connected when it is opened.

        Args:
            url: `kafka://host:9092,other:9092`, or with TLS and SASL
                `kafka+ssl://user:password@host:9093?mechanism=SCRAM-SHA-512`.
            random: Where the jitter of connecting again comes from.

        Raises:
            FleetwrightError: The URL does not name a Kafka.
        """
        self._address = parse(url)
        jitter = random or Random()  # noqa: S311 - jitter is no secret
        self._link = KafkaLink(self._address, jitter)
        self._topics = Topics(self._link)
        self._publisher = KafkaPublisher(self._link, self._topics)
        self._receivers: list[KafkaReceiver] = []

    def __repr__(self) -> str:
        """Return what it is, without a password."""
        return f"KafkaBroker({str(self._address)!r})"

    async def open(self) -> None:
        """Connect in the background and keep trying; safe to call again.

        Raises:
            FleetwrightError: The settings cannot be used, for example a file that is
                not there.
        """
        self._link.open()
        self._publisher.ready()

    async def close(self) -> None:
        """Leave the groups and disconnect; safe to call again."""
        receivers, self._receivers = self._receivers, []
        for receiver in receivers:
            await receiver.close()
        await self._publisher.close()
        await self._link.close()

    async def check(self) -> None:
        """Raise when messages can be neither published nor received.

        Raises:
            Unavailable: Kafka is not there, does not confirm, or a receiver is deaf.
            FleetwrightError: A topic that is heard cannot be used.
        """
        self._link.check()
        self._publisher.check()
        for receiver in self._receivers:
            receiver.check()

    async def publish(self, messages: Sequence[Message]) -> Mapping[str, str]:
        """Hand over messages; they are durable when this returns.

        Args:
            messages: In order.

        Returns:
            The ids of refused messages and why; later ones of their keys with them.

        Raises:
            Unavailable: Nothing is known to be kept; try all of them again.
        """
        self._link.admin  # noqa: B018 - raises when the broker is not open
        return await self._publisher.publish(messages)

    async def subscribe(self, group: str, topics: Sequence[str]) -> Receiver:
        """Join a group; this returns at once, whether Kafka is there or not.

        Args:
            group: The consuming service.
            topics: What it hears; a new group also hears what is kept.

        Returns:
            Where its messages come in.
        """
        self._link.admin  # noqa: B018 - raises when the broker is not open
        receiver = KafkaReceiver(self._link, self._topics, group, topics)
        self._receivers = [it for it in self._receivers if not it.is_closed]
        self._receivers.append(receiver)
        return receiver

    async def backlog(self, group: str, topics: Sequence[str]) -> Backlog:
        """Return what a group has not done yet; the broker need not be open.

        Args:
            group: The consuming service.
            topics: What it hears.

        Returns:
            End offset minus committed offset, over all lanes of each topic.

        Raises:
            Unavailable: Kafka did not answer.
        """
        async with self._asking() as link:
            behind = await lag(link, group, topics)
        return Backlog(sum(behind.values()), behind)

    async def kept_seconds(self, topics: Sequence[str]) -> Mapping[str, float]:
        """Return how long messages of topics are kept; infinity for ever.

        Args:
            topics: Which ones; those that are not there yet are left out.

        Raises:
            Unavailable: Kafka did not answer.
        """
        self._link.check()
        return await kept_seconds(self._link, topics)

    async def read(
        self, group: str, topic: str, span: Span
    ) -> AsyncGenerator[Sequence[Delivery], None]:
        """Yield what is kept of a topic and was done by a group; need not be open.

        Args:
            group: The consuming service.
            topic: What is read.
            span: From when to when, or from which offset to which of each lane.

        Yields:
            Some at a time, in order per lane.

        Raises:
            Unavailable: Kafka does not answer.
        """
        async with self._asking() as link:
            done = await progress(link, group, [topic])
            async with aclosing(read(link, span, done)) as pages:
                async for page in pages:
                    yield page

    @asynccontextmanager
    async def _asking(self) -> AsyncIterator[KafkaLink]:
        """Have a connection for the block, whether or not the broker is open."""
        if self._link.is_open:
            yield self._link
            return
        link = KafkaLink(self._address, Random())  # noqa: S311 - jitter is no secret
        link.open()
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(ANSWER_SECONDS):
                    await link.known()
            link.check()
            yield link
        finally:
            await link.close()
