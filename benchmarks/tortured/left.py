"""What a broker still has to deliver, asked behind the library's back."""

import asyncio
from contextlib import closing

import aiormq
from aiormq.exceptions import AMQPError
from confluent_kafka import Consumer, KafkaException, TopicPartition

from fleetwright._sqlite import sqlite_module
from fleetwright.events._envelope import LANES
from tortured.plan import DOOMED_TOPIC, GROUPS, TOPIC

_ANSWER_SECONDS = 15.0


async def left_with(url: str) -> int | None:
    """Return how many deliveries wait; None while that cannot be told.

    Args:
        url: Of the broker.
    """
    scheme, _, rest = url.partition("://")
    try:
        if scheme == "amqp":
            async with asyncio.timeout(_ANSWER_SECONDS):
                return await _rabbit(url)
        if scheme == "kafka":
            return await asyncio.to_thread(_kafka, rest.partition("?")[0])
        return await asyncio.to_thread(_embedded, rest[1:])
    except (OSError, TimeoutError, AMQPError, KafkaException):
        return None


def _embedded(path: str) -> int:
    with closing(sqlite_module().connect(path, timeout=15)) as connection:
        count = connection.execute("select count(*) from delivery").fetchone()[0]
        return int(count)


async def _rabbit(url: str) -> int:
    """Count what is ready; what somebody holds is not, until that one has gone."""
    connection = await aiormq.connect(url)
    try:
        channel = await connection.channel()
        lanes = [f"{group}.{lane}" for group in GROUPS for lane in range(LANES)]
        left = 0
        for name in (*lanes, *(f"{group}.dead" for group in GROUPS)):
            told = await channel.queue_declare(name, passive=True)
            left += told.message_count or 0
        return left
    finally:
        await connection.close()


def _kafka(servers: str) -> int:
    left = 0
    for group in GROUPS:
        consumer = Consumer({"bootstrap.servers": servers, "group.id": group})
        try:
            places = [
                TopicPartition(topic, lane)
                for topic in (TOPIC, DOOMED_TOPIC)
                for lane in range(LANES)
            ]
            for place in consumer.committed(places, timeout=_ANSWER_SECONDS):
                _, end = consumer.get_watermark_offsets(place, timeout=_ANSWER_SECONDS)
                left += end - max(0, place.offset)
        finally:
            consumer.close()
    return left
