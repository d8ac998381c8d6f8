"""CloudEvents on the wire: Event to message and back."""

import os
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar
from uuid import UUID, uuid5

from pydantic import ValidationError

from fleetwright import _spans
from fleetwright._clock import clock
from fleetwright._context import current_call
from fleetwright.errors import FleetwrightError
from fleetwright.events._event import Event
from fleetwright.events._tracing import created

E = TypeVar("E", bound=Event)

LANES = 16
MOST_BODY_BYTES = 256 * 1024
_SCHEMA = "/events/"


class Undecodable(FleetwrightError):  # noqa: N818 - what the message is
    """A message that is not what its reader declared; trying again changes nothing."""


@dataclass(frozen=True, slots=True)
class Message:
    """One event on the wire: CloudEvents 1.0 in binary mode.

    Attributes:
        id: UUIDv7 as text; the same for every delivery of the event.
        topic: The CloudEvents type.
        key: What orders it; None for no order.
        headers: The CloudEvents attributes.
        body: The data, JSON.
    """

    id: str
    topic: str
    key: str | None
    headers: Mapping[str, str]
    body: bytes

    @property
    def order_key(self) -> str:
        """The key; for a message without one a key of its own."""
        return f"~{self.id}" if self.key is None else self.key

    @property
    def lane(self) -> int:
        """The unit of order this message belongs to: 0 to 15."""
        return lane_of(self.order_key)


# The message a reaction is working at: the cause of what is published meanwhile.
_heard: ContextVar[Message | None] = ContextVar("fleetwright_heard", default=None)


def lane_of(key: str) -> int:
    """Return the lane of a key, 0 to 15; the same in every process.

    Args:
        key: The key of an event.
    """
    return zlib.crc32(key.encode()) % LANES


def schema_of(kind: type[Event]) -> str:
    """Return what `dataschema` says of an event: its topic and version.

    Args:
        kind: The event as it is declared.
    """
    return f"{_SCHEMA}{kind.__topic__}/{kind.__version__}"


def new_id() -> str:
    """Return a UUIDv7: sorts by time, unique without asking anyone."""
    milliseconds = int(clock().now() * 1000) & 0xFFFF_FFFF_FFFF
    random = int.from_bytes(os.urandom(10), "big")
    low = 0b10 << 62 | random & (1 << 62) - 1
    return str(UUID(int=milliseconds << 80 | 7 << 76 | (random >> 68) << 64 | low))


@contextmanager
def hearing(message: Message) -> Iterator[None]:
    """Make `message` the cause of what is published in the block.

    Args:
        message: The message that is being handled.
    """
    token = _heard.set(message)
    try:
        yield
    finally:
        _heard.reset(token)


def step_key(step: str) -> str:
    """Return the idempotency key of one step of the reaction to an event.

    An effect outside the transaction happens again when the event is delivered again;
    a callee that is given this key can tell.

    Args:
        step: Which of the reaction's effects, for example `charge`.

    Returns:
        A UUID, the same for every delivery of the event.

    Raises:
        FleetwrightError: No event is being handled here.
    """
    message = _heard.get()
    if message is None:
        raise FleetwrightError(
            "no event is being handled here",
            where=f"step_key({step!r})",
            hint="call it within a reaction declared with `subscriptions.on`",
        )
    return str(uuid5(UUID(message.id), step))


def encode(event: Event, *, source: str) -> Message:
    """Return the event as a message with a new id.

    Args:
        event: What happened.
        source: The service that tells it; empty where it has no name.

    Returns:
        The message; it carries the trace and the id of the current call.

    Raises:
        FleetwrightError: It is larger than 256 KiB.
    """
    body = event.model_dump_json().encode()
    if len(body) > MOST_BODY_BYTES:
        raise FleetwrightError(
            f"the event has {len(body)} bytes, more than {MOST_BODY_BYTES}",
            where=event.__topic__,
            hint="publish where the data can be read, not the data",
        )
    id, key = new_id(), event.ordering_key()
    headers = {
        "specversion": "1.0",
        "id": id,
        "source": f"/{source}",
        "type": event.__topic__,
        "time": datetime.fromtimestamp(clock().now(), UTC).isoformat(),
        "datacontenttype": "application/json",
        "dataschema": schema_of(type(event)),
    }
    if key is not None:
        headers["subject"] = headers["partitionkey"] = key
    call = current_call()
    if call is not None:
        headers["traceparent"] = call.traceparent
        headers["correlationid"] = call.id
    if _spans.tracer is not None:
        headers["traceparent"] = created(_spans.tracer, headers, call)
    heard = _heard.get()
    if heard is not None:
        headers["causationid"] = heard.id
    return Message(id, event.__topic__, key, headers, body)


def decode(message: Message, kind: type[E]) -> E:
    """Return the event a message carries.

    Args:
        message: What came in.
        kind: The event as its reader declares it.

    Returns:
        The event.

    Raises:
        Undecodable: The message is of another version or not of that shape.
    """
    schema = message.headers.get("dataschema", "")
    wanted = schema_of(kind)
    if schema != wanted:
        raise Undecodable(
            f"the message has the schema {schema!r}, its reader wants {wanted!r}",
            where=f"{kind.__module__}.{kind.__qualname__}",
            hint="hear the version that is published, or publish both for a while",
        )
    try:
        return kind.model_validate_json(message.body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"])) or "the body"
        raise Undecodable(
            f"{place} is not as declared: {first['msg']}",
            where=f"{kind.__module__}.{kind.__qualname__}",
            hint="compare it with the publisher's contracts/asyncapi.json",
        ) from error
