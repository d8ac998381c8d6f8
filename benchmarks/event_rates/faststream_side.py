"""FastStream on the broker of a URL: one way to publish, one way to hear."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4
from zlib import crc32

from pydantic import BaseModel

from event_rates.job import TEXT, Job, key_of

Publish = Callable[[str, bytes], Awaitable[Any]]


class Sold(BaseModel):
    """The event, as FastStream's readers declare theirs."""

    id: str
    customer: str
    number: int
    begun: float
    text: str


Handler = Callable[[Sold], Awaitable[None]]


def sold(number: int, begun: float) -> Sold:
    """Return an event.

    Args:
        number: Which.
        begun: When its transaction was begun.
    """
    return Sold(
        id=str(uuid4()), customer=key_of(number), number=number, begun=begun, text=TEXT
    )


def body_of(event: Sold) -> bytes:
    """Return what goes over the wire.

    Args:
        event: What happened.
    """
    return event.model_dump_json().encode()


async def broker_of(job: Job, *, strict: bool) -> Any:
    """Return FastStream's broker, with its queues where it has some.

    Args:
        job: Where it is, and what is told.
        strict: Whether nothing confirmed may be lost or doubled by its producer.
    """
    logger = logging.getLogger("rates")  # what fails is told; the rest is not
    if _is_rabbit(job):
        from faststream.rabbit import RabbitBroker

        broker = RabbitBroker(job.broker, logger=logger)
        await broker.connect()
        for lane in range(job.lanes):
            await broker.declare_queue(_queue(job, lane))
        return broker
    from faststream.kafka import KafkaBroker

    servers = job.broker.removeprefix("kafka://").partition("?")[0]
    safe = {"acks": "all", "enable_idempotence": True} if strict else {}
    broker = KafkaBroker(servers, logger=logger, **safe)
    await broker.connect()
    return broker


def publisher(broker: Any, job: Job) -> Publish:
    """Return what publishes one message and waits for its confirm.

    Args:
        broker: FastStream's.
        job: Where it goes; on RabbitMQ the queue is chosen by the key.
    """
    if _is_rabbit(job):

        async def to_rabbit(key: str, body: bytes) -> Any:
            return await broker.publish(
                body,
                queue=_name(job, crc32(key.encode()) % job.lanes),
                persist=True,
                content_type="application/json",
            )

        return to_rabbit

    async def to_kafka(key: str, body: bytes) -> Any:
        return await broker.publish(body, job.topic, key=key.encode())

    return to_kafka


def hear(broker: Any, job: Job, handler: Handler, *, strict: bool) -> None:
    """Have messages handled.

    Args:
        broker: FastStream's.
        job: What is heard, and how many at a time.
        handler: What is done with an event.
        strict: Whether a message is acknowledged only when its handler succeeded.
    """
    from faststream import AckPolicy

    async def heard(event: Sold) -> None:
        await handler(event)

    if _is_rabbit(job):
        from faststream.rabbit import Channel

        policy = AckPolicy.NACK_ON_ERROR if strict else AckPolicy.ACK
        for lane in range(job.lanes):
            channel = Channel(prefetch_count=job.prefetch)
            broker.subscriber(
                _queue(job, lane), ack_policy=policy, channel=channel, no_reply=True
            )(heard)
        return
    broker.subscriber(
        job.topic,
        group_id=f"{job.topic}.g",
        auto_offset_reset="earliest",
        ack_policy=AckPolicy.NACK_ON_ERROR if strict else AckPolicy.ACK_FIRST,
        max_workers=job.lanes,
        no_reply=True,
    )(heard)


def _is_rabbit(job: Job) -> bool:
    return job.broker.startswith("amqp")


def _name(job: Job, lane: int) -> str:
    return f"{job.topic}.{lane}"


def _queue(job: Job, lane: int) -> Any:
    from faststream.rabbit import RabbitQueue

    kind = {"x-queue-type": "quorum"}
    return RabbitQueue(_name(job, lane), durable=True, arguments=kind)
