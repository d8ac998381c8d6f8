"""A message on RabbitMQ: the AMQP binding of CloudEvents, in binary mode.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/amqp-protocol-binding.md
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

from pamqp.commands import Basic

from fleetwright.events._envelope import MOST_BODY_BYTES, Message

MOST_HEADER_BYTES = 64 * 1024  # a header is one frame: 128 KiB at most
_PREFIXES = ("cloudEvents:", "cloudEvents_")
_KEY = "fleet-key"  # where it is not the attribute `partitionkey`
_MOST_NAME_BYTES = 240  # a routing key has 255, the lane is part of it
_PERSISTENT = 2
_NO_ID = UUID("6c1e2a35-1f3a-5a8e-9d3d-0d4c8b0e5f11")


def refusal_of(message: Message) -> str | None:
    """Return why RabbitMQ cannot carry a message, or None when it can.

    Args:
        message: What is to be published.
    """
    if len(message.body) > MOST_BODY_BYTES:
        return f"the body has {len(message.body)} bytes"
    if len(message.topic.encode()) > _MOST_NAME_BYTES:
        return f"the topic has more than {_MOST_NAME_BYTES} bytes"
    if any(len(name.encode()) > 100 for name in message.headers):
        return "a header has a name of more than 100 bytes"
    size = sum(len(a.encode()) + len(b.encode()) for a, b in message.headers.items())
    if size + len((message.key or "").encode()) > MOST_HEADER_BYTES:
        return f"the headers have more than {MOST_HEADER_BYTES} bytes"
    return None


def properties_of(message: Message) -> Basic.Properties:
    """Return what stands beside the body.

    Args:
        message: What is published.
    """
    prefix = _PREFIXES[0]
    headers: dict[str, Any] = {
        prefix + name: value
        for name, value in message.headers.items()
        if name != "datacontenttype"
    }
    if message.key != message.headers.get("partitionkey"):
        headers[_KEY] = message.key
    return Basic.Properties(
        content_type=message.headers.get("datacontenttype"),
        delivery_mode=_PERSISTENT,
        headers=headers,
        message_id=message.id,
        message_type=message.topic,
        timestamp=_time_of(message.headers.get("time")),
    )


def _time_of(text: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        return None


def message_of(properties: Basic.Properties, routing_key: str, body: bytes) -> Message:
    """Return what was published, by whoever published it.

    A message without an id is given one made of its body: the same at each delivery.

    Args:
        properties: What stood beside the body.
        routing_key: The topic and the lane it was published with.
        body: The data.
    """
    raw: Mapping[str, Any] = properties.headers or {}
    headers = {
        name[len(_PREFIXES[0]) :]: _text(value)
        for name, value in raw.items()
        if name.startswith(_PREFIXES)
    }
    if properties.content_type is not None:
        headers["datacontenttype"] = properties.content_type
    key = raw[_KEY] if _KEY in raw else headers.get("partitionkey")
    return Message(
        id=properties.message_id or headers.get("id") or str(uuid5(_NO_ID, body.hex())),
        topic=properties.message_type or _topic_of(headers, routing_key),
        key=None if key is None else str(key),
        headers=headers,
        body=body,
    )


def _topic_of(headers: Mapping[str, str], routing_key: str) -> str:
    return headers.get("type") or routing_key.rpartition(".")[0]


def _text(value: object) -> str:
    if isinstance(value, bytes | bytearray):
        return value.decode(errors="replace")
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return str(value)
