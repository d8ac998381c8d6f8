"""A service's events as AsyncAPI 3: what it sends, what it hears, and their shapes."""

import inspect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from pydantic.json_schema import (
    GenerateJsonSchema,
    JsonSchemaMode,
    models_json_schema,
)

from fleetwright.errors import DeclarationError
from fleetwright.events._consumer import Consumer
from fleetwright.events._envelope import schema_of
from fleetwright.events._event import Event
from fleetwright.events._outbox import Outbox

VERSION = "3.0.0"
Action = Literal["send", "receive"]
_MODES: Mapping[Action, JsonSchemaMode] = {
    "send": "serialization",
    "receive": "validation",
}
_HEADERS = "cloudevents.headers"  # a dot: no model can have this name
_REQUIRED = (
    "specversion",
    "id",
    "source",
    "type",
    "time",
    "datacontenttype",
    "dataschema",
)


class Composed(Protocol):
    """What is read of a service."""

    @property
    def parts(self) -> Sequence[object]:
        """What it is made of."""
        ...

    name: str
    version: str
    settings: Any


@dataclass(frozen=True, slots=True)
class Told:
    """One kind of event that crosses the edge of a service.

    Attributes:
        action: Whether the service sends or hears it.
        kind: The event as the service declares it.
    """

    action: Action
    kind: type[Event]

    @property
    def channel(self) -> str:
        """The topic."""
        return self.kind.__topic__

    @property
    def name(self) -> str:
        """What the message is called in the document."""
        return f"{self.action}.{self.channel}.v{self.kind.__version__}"


def document(service: Composed, *, package: str | None = None) -> dict[str, Any]:
    """Return the AsyncAPI 3 document of a service.

    Args:
        service: The service, put together; it need not be open.
        package: The service's own import package; that of its settings when None.

    Returns:
        JSON-ready values. What is sent has the schema that is written, what is heard
        the one that is accepted.

    Raises:
        DeclarationError: Two different events of one topic and version are sent.
    """
    told = [
        *(Told("send", kind) for kind in sent(service, package=package)),
        *(Told("receive", kind) for kind in heard(service)),
    ]
    _require_one_each(told)
    payloads, schemas = _schemas(told)
    channels: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    for one in told:
        at = channels.setdefault(one.channel, {"address": one.channel, "messages": {}})
        at["messages"][one.name] = {"$ref": f"#/components/messages/{one.name}"}
        operation = operations.setdefault(
            f"{one.action}.{one.channel}",
            {
                "action": one.action,
                "channel": {"$ref": f"#/channels/{one.channel}"},
                "messages": [],
            },
        )
        place = f"#/channels/{one.channel}/messages/{one.name}"
        operation["messages"].append({"$ref": place})
    return {
        "asyncapi": VERSION,
        "info": {"title": service.name, "version": service.version},
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": {
            "messages": {one.name: _message(one, payloads[one]) for one in told},
            "schemas": schemas,
        },
    }


def sent(service: Composed, *, package: str | None = None) -> list[type[Event]]:
    """Return the events a service publishes, by topic and version.

    To publish an event a service must declare it, and it declares for two reasons: to
    publish and to hear. So it publishes what is declared in its own package, or
    carries its name as the first word of the topic, and is not there for being heard.

    Args:
        service: The service, put together: all that it may publish is imported.
        package: Its own import package; that of its settings when None.

    Returns:
        Nothing for a service without an `Outbox`.
    """
    if not any(isinstance(part, Outbox) for part in service.parts):
        return []
    own = package or type(service.settings).__module__.partition(".")[0]
    hears = set(heard(service))
    found = {
        kind
        for kind in _declared(Event)
        if _is_of(kind, service.name) or (_is_in(kind, own) and kind not in hears)
    }
    return sorted(found, key=_order)


def heard(service: Composed) -> list[type[Event]]:
    """Return the events a service hears, by topic and version.

    Args:
        service: The service, put together.
    """
    found = {
        subscription.kind
        for part in service.parts
        if isinstance(part, Consumer)
        for subscription in part.subscriptions
    }
    return sorted(found, key=_order)


def _declared(kind: type[Event]) -> Iterator[type[Event]]:
    """Yield the events declared in this process."""
    for below in kind.__subclasses__():
        if below.__topic__:
            yield below
        yield from _declared(below)


def _is_of(kind: type[Event], service: str) -> bool:
    return kind.__topic__.partition(".")[0] == service


def _is_in(kind: type[Event], package: str) -> bool:
    return f"{kind.__module__}.".startswith(f"{package}.")


def _order(kind: type[Event]) -> tuple[str, int, str, str]:
    return kind.__topic__, kind.__version__, kind.__module__, kind.__qualname__


def _require_one_each(told: Iterable[Told]) -> None:
    """Refuse two meanings of one message."""
    taken: dict[str, Told] = {}
    for one in told:
        other = taken.setdefault(one.name, one)
        if other is not one:
            raise DeclarationError(
                f"{one.channel} version {one.kind.__version__} is declared twice",
                where=f"{_place(other.kind)} and {_place(one.kind)}",
                hint="keep one of them, or give one another version or topic",
            )


def _place(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _schemas(told: Sequence[Told]) -> tuple[dict[Told, Any], dict[str, Any]]:
    """Return the payload of each message, and the schemas they refer to."""
    kinds: list[tuple[type[Event], JsonSchemaMode]] = [
        (one.kind, _MODES[one.action]) for one in told
    ]
    references, definitions = models_json_schema(
        kinds,
        ref_template="#/components/schemas/{model}",
        schema_generator=_AsWritten,
    )
    payloads = {one: references[one.kind, _MODES[one.action]] for one in told}
    schemas: dict[str, Any] = definitions.get("$defs", {})
    if told:
        schemas[_HEADERS] = _cloud_event()
    return payloads, schemas


class _AsWritten(GenerateJsonSchema):
    """Requires what is always written: an event leaves out no field."""

    def field_is_required(self, field: Any, total: bool) -> bool:
        """Return whether a field is in every value."""
        if self.mode == "serialization" and field["type"] == "model-field":
            return not field.get("serialization_exclude")
        return super().field_is_required(field, total)


def _message(one: Told, payload: Any) -> dict[str, Any]:
    kind = one.kind
    message: dict[str, Any] = {
        "name": kind.__name__,
        "contentType": "application/json",
        "headers": _headers(kind),
        "payload": payload,
        "correlationId": {"location": "$message.header#/correlationid"},
        "x-fleet-key": kind.__key__,
        "x-fleet-version": kind.__version__,
    }
    words = inspect.getdoc(kind) if kind.__doc__ else None
    if words:
        message["summary"] = words.split("\n", 1)[0]
    return message


def _headers(kind: type[Event]) -> dict[str, Any]:
    """Return what the headers of a message are beside those of every event."""
    return {
        "type": "object",
        "allOf": [{"$ref": f"#/components/schemas/{_HEADERS}"}],
        "properties": {
            "type": {"const": kind.__topic__},
            "dataschema": {"const": schema_of(kind)},
        },
    }


def _cloud_event() -> dict[str, Any]:
    """Return the headers of every event: the attributes of CloudEvents 1.0."""
    text, id = {"type": "string"}, {"type": "string", "format": "uuid"}
    return {
        "type": "object",
        "description": "CloudEvents 1.0, binary mode.",
        "required": list(_REQUIRED),
        "properties": {
            "specversion": {"const": "1.0"},
            "id": id,
            "source": {"type": "string", "format": "uri-reference"},
            "type": text,
            "time": {"type": "string", "format": "date-time"},
            "datacontenttype": {"const": "application/json"},
            "dataschema": {"type": "string", "format": "uri-reference"},
            "subject": text,
            "partitionkey": text,
            "traceparent": text,
            "correlationid": text,
            "causationid": id,
        },
    }
