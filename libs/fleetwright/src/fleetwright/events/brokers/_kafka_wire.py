"""A message as a Kafka record and back: the CloudEvents binding, binary mode.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md
"""

from collections.abc import Iterable
from uuid import NAMESPACE_URL, uuid5

from confluent_kafka import Message as Record

from fleetwright.events._envelope import Message

Headers = Iterable[tuple[str, str | bytes | None]]

_PREFIX = "ce_"
_TYPE_OF_DATA = "datacontenttype"
_CONTENT_TYPE = "content-type"
_LONGEST_ID = 36  # of a UUID, and of the columns that keep it
_ID = "fleet-id"  # for what is no CloudEvent: its attributes have no id


def record_headers(message: Message) -> list[tuple[str, str | bytes | None]]:
    """Return the headers of the record that carries a message.

    Args:
        message: What is published.
    """
    headers: list[tuple[str, str | bytes | None]] = [
        (_CONTENT_TYPE if name == _TYPE_OF_DATA else _PREFIX + name, value.encode())
        for name, value in message.headers.items()
    ]
    if message.headers.get("id") != message.id:
        headers.append((_ID, message.id.encode()))
    return headers


def message_in(record: Record) -> tuple[Message, int, int] | None:
    """Return what came from Kafka without an error.

    Args:
        record: As the client gave it.

    Returns:
        The message, its partition and its offset.
    """
    topic, partition, offset = record.topic(), record.partition(), record.offset()
    if topic is None or partition is None or offset is None:
        return None  # the types say so; a record without an error has them
    headers = record.headers() or ()
    pairs = headers.items() if isinstance(headers, dict) else headers
    place = (topic, partition, offset)
    message = message_of(place, record.key(), pairs, record.value())
    return message, partition, offset


def message_of(
    place: tuple[str, int, int],
    key: bytes | str | None,
    headers: Headers,
    value: bytes | str | None,
) -> Message:
    """Return the message a record carries.

    A record that is none of ours becomes a message that no reader understands, with
    the same id for every delivery.

    Args:
        place: Its topic, partition and offset.
        key: Of the record.
        headers: Of the record.
        value: Of the record.
    """
    topic = place[0]
    attributes: dict[str, str] = {}
    id: str | None = None
    for name, raw in headers:
        if name.startswith(_PREFIX):
            attributes[name.removeprefix(_PREFIX)] = _text(raw)
        elif name.lower() == _CONTENT_TYPE:
            attributes[_TYPE_OF_DATA] = _text(raw)
        elif name == _ID:
            id = _text(raw)
    id = id or attributes.get("id") or _id_of_place(place)
    if len(id) > _LONGEST_ID:  # another publisher's: ours are UUIDs
        id = str(uuid5(NAMESPACE_URL, f"{attributes.get('source')} {id}"))
    body = value if isinstance(value, bytes) else (value or "").encode()
    return Message(id, topic, None if key is None else _text(key), attributes, body)


def _id_of_place(place: tuple[str, int, int]) -> str:
    topic, partition, offset = place
    return str(uuid5(NAMESPACE_URL, f"kafka:{topic}/{partition}/{offset}"))


def _text(raw: bytes | str | None) -> str:
    if isinstance(raw, str):
        return raw
    return (raw or b"").decode(errors="replace")
