"""A message on RabbitMQ as other languages write and read it, and one that is wrong."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pamqp.commands import Basic
from pamqp.header import ContentHeader

from fleetwright.events._envelope import Message
from fleetwright.events.brokers._rabbit_wire import (
    MOST_HEADER_BYTES,
    message_of,
    properties_of,
    refusal_of,
)

_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40)
_NAME = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=20)


def over_the_wire(message: Message) -> Message:
    """Return a message as bytes and back, as the server carries it."""
    header = ContentHeader(properties=properties_of(message), body_size=0)
    received = ContentHeader()
    received.unmarshal(header.marshal())
    return message_of(received.properties, f"{message.topic}.3", message.body)


@given(
    key=st.none() | _TEXT,
    headers=st.dictionaries(_NAME, _TEXT, max_size=8),
    body=st.binary(max_size=100),
)
def test_message_comes_back_as_it_was(
    key: str | None, headers: dict[str, str], body: bytes
) -> None:
    """Whatever is in it, for any key and any headers."""
    message = Message("an id", "orders.placed", key, headers, body)

    assert over_the_wire(message) == message


@pytest.mark.parametrize("prefix", ["cloudEvents:", "cloudEvents_"])
def test_message_of_another_language_is_read(prefix: str) -> None:
    """By the AMQP binding of CloudEvents, with either prefix, and typed values."""
    properties = Basic.Properties(
        content_type="application/json",
        headers={
            f"{prefix}id": "0815",
            f"{prefix}type": "orders.placed",
            f"{prefix}partitionkey": "order-1",
            f"{prefix}time": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
            "x-other": "not ours",
        },
    )

    message = message_of(properties, "orders.placed.3", b"{}")

    assert (message.id, message.topic, message.key) == (
        "0815",
        "orders.placed",
        "order-1",
    )
    assert message.headers["datacontenttype"] == "application/json"
    assert message.headers["time"] == "2026-01-02T03:04:05+00:00"
    assert "x-other" not in message.headers


def test_message_that_is_none_has_the_same_id_each_time() -> None:
    """So that it is parked once, and not at each delivery."""
    read = [message_of(Basic.Properties(), "a.topic.3", b"\xff") for _ in range(2)]

    assert read[0] == read[1]
    assert read[0].topic == "a.topic"
    assert message_of(Basic.Properties(), "a.topic.3", b"other").id != read[0].id


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (Message("1", "t" * 241, None, {}, b""), "the topic has more than 240 bytes"),
        (Message("1", "t", None, {"n" * 101: ""}, b""), "a header has a name of"),
        (
            Message("1", "t", None, {"n": "x" * MOST_HEADER_BYTES}, b""),
            "the headers have more than",
        ),
    ],
)
def test_what_amqp_cannot_carry_is_refused(message: Message, reason: str) -> None:
    """Before it is sent: the server would end the connection for it."""
    assert str(refusal_of(message)).startswith(reason)
