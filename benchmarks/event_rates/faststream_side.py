"""FastStream on the broker of a URL: one way to publish, one way to hear."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

Handler = Callable[[bytes], Awaitable[None]]
Publish = Callable[[str, bytes], Awaitable[Any]]


def faststream_of(url: str, *, strict: bool) -> Any:
    """Return FastStream's broker.

    Args:
        url: `amqp://` or `kafka://`.
        strict: Whether nothing confirmed may be lost or doubled by its producer.
    """
    if url.startswith("amqp"):
        from faststream.rabbit import RabbitBroker

        return RabbitBroker(url, logger=None)
    from faststream.kafka import KafkaBroker

    servers = url.removeprefix("kafka://").partition("?")[0]
    if strict:
        return KafkaBroker(servers, logger=None, acks="all", enable_idempotence=True)
    return KafkaBroker(servers, logger=None)


def publisher(broker: Any, url: str, topic: str) -> Publish:
    """Return what publishes one message and waits for its confirm.

    Args:
        broker: FastStream's.
        url: Where it is.
        topic: Of the messages.
    """
    if url.startswith("amqp"):

        async def to_rabbit(_: str, body: bytes) -> Any:
            return await broker.publish(
                body, queue=topic, persist=True, content_type="application/json"
            )

        return to_rabbit

    async def to_kafka(key: str, body: bytes) -> Any:
        return await broker.publish(body, topic, key=key.encode())

    return to_kafka


def hear(
    broker: Any, url: str, topic: str, handler: Handler, *, at_once: int, strict: bool
) -> None:
    """Have messages handled; acknowledged after the handler.

    Args:
        broker: FastStream's.
        url: Where it is.
        topic: Of the messages.
        handler: What is done with a body.
        at_once: How many at a time, on RabbitMQ.
        strict: Whether the acknowledgement waits for the handler on Kafka too.
    """
    from faststream import AckPolicy

    async def heard(body: bytes) -> None:
        await handler(body)

    if url.startswith("amqp"):
        from faststream.rabbit import Channel, RabbitQueue

        queue = RabbitQueue(topic, durable=True, arguments={"x-queue-type": "quorum"})
        broker.subscriber(
            queue, ack_policy=AckPolicy.ACK, channel=Channel(prefetch_count=at_once)
        )(heard)
        return
    policy = AckPolicy.ACK if strict else AckPolicy.ACK_FIRST
    broker.subscriber(
        topic, group_id=f"{topic}.g", auto_offset_reset="earliest", ack_policy=policy
    )(heard)


async def declare(broker: Any, url: str, topic: str) -> None:
    """Make the queue before something is published to it.

    Args:
        broker: FastStream's, connected.
        url: Where it is.
        topic: The queue.
    """
    if url.startswith("amqp"):
        from faststream.rabbit import RabbitQueue

        await broker.declare_queue(
            RabbitQueue(topic, durable=True, arguments={"x-queue-type": "quorum"})
        )


def body_of(**fields: Any) -> bytes:
    """Return a body.

    Args:
        **fields: What it says.
    """
    return json.dumps(fields, separators=(",", ":")).encode()
