"""What a service needs of others: calls, fields sent and read, refusals, events.

What it needs of one provider is a document of OpenAPI as well: of the requests that are
sent, and of the answers that are understood. It is compared as any other.
"""

import functools
import operator
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, get_type_hints

from pydantic import TypeAdapter
from pydantic.json_schema import JsonSchemaMode

from fleetwright._service import Service
from fleetwright.contract._schemas import FACTS, FactSchema

VERSION = 1
_REFERENCE = "#/components/schemas/{model}"
_KEY = "Idempotency-Key"
_MEDIA_TYPES = {
    "lines": "application/jsonl",
    "events": "text/event-stream",
    "bytes": "*/*",
}


def needs(service: Service) -> dict[str, Any] | None:
    """Return what a service needs of others.

    Args:
        service: The service, put together; it need not be open.

    Returns:
        JSON-ready values: `calls`, a document of OpenAPI for each typed client; `rpc`,
        the methods of each gRPC stub; `hears`, the events with the schemas that are
        understood. None for a service that needs nobody.
    """
    calls: list[Any] = []
    rpc: list[Any] = []
    hears: list[Any] = []
    for part in service.parts:
        calling = getattr(part, "__part__", part)
        provider = getattr(calling, "provider", None)
        if isinstance(getattr(calling, "operations", None), Mapping):
            calls += _clients(calling)
        elif provider is not None and isinstance(
            getattr(calling, "methods", None), Mapping
        ):
            rpc.append(_stub(calling))
        hears += [_heard(one) for one in getattr(part, "subscriptions", ())]
    if not (calls or rpc or hears):
        return None
    return {
        "x-fleet-needs": VERSION,
        "service": service.name,
        "calls": sorted(calls, key=lambda one: (one["provider"], one["client"])),
        "rpc": sorted(rpc, key=lambda one: (one["provider"], one["stub"])),
        "hears": sorted(hears, key=lambda one: (one["topic"], one["version"])),
    }


def _clients(part: Any) -> Iterator[dict[str, Any]]:
    """Yield what one typed client needs; a path asked for twice needs a second one."""
    waiting = dict(part.operations)
    while waiting:
        taken: dict[tuple[str, str], str] = {}
        for name, operation in waiting.items():
            taken.setdefault((operation.verb, operation.path), name)
        chosen = {name: waiting.pop(name) for name in taken.values()}
        yield {
            "provider": part.provider,
            "client": f"{part.kind.__module__}:{part.kind.__qualname__}",
            "is_external": getattr(part, "_egress", None) is not None,
            "needs": _document(part.kind, part.provider, chosen),
        }


def _document(
    kind: type, provider: str, operations: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what is needed of a provider as a document of OpenAPI."""
    writing = _Writing()
    paths: dict[str, Any] = {}
    for name, operation in operations.items():
        hints = get_type_hints(getattr(kind, name), include_extras=True)
        at = paths.setdefault(operation.path, {})
        at[operation.verb.lower()] = _operation(operation, hints, writing)
    return {
        "openapi": "3.1.0",
        "info": {"title": f"what {kind.__name__} needs of {provider}", "version": "0"},
        "x-fleet-facts": FACTS,
        "paths": paths,
        "components": {"schemas": writing.written()},
    }


class _Writing:
    """Schemas of one document, each put where it belongs when all are known."""

    def __init__(self) -> None:
        """Write nothing yet."""
        self._asked: list[tuple[dict[str, Any], Any, JsonSchemaMode]] = []

    def schema(self, kind: Any, mode: JsonSchemaMode) -> dict[str, Any]:
        """Return a schema that is filled when all are written.

        Args:
            kind: A type, or its adapter.
            mode: Whether it is what is sent or what is read.
        """
        adapter = kind if isinstance(kind, TypeAdapter) else TypeAdapter(kind)
        place: dict[str, Any] = {}
        self._asked.append((place, adapter, mode))
        return place

    def written(self) -> dict[str, Any]:
        """Fill the schemas and return those they refer to."""
        inputs: list[tuple[Any, JsonSchemaMode, TypeAdapter[Any]]] = [
            (number, mode, adapter)
            for number, (_, adapter, mode) in enumerate(self._asked)
        ]
        found, definitions = TypeAdapter.json_schemas(
            inputs, ref_template=_REFERENCE, schema_generator=FactSchema
        )
        for number, (place, _, mode) in enumerate(self._asked):
            place.update(found[number, mode])
        schemas: dict[str, Any] = definitions.get("$defs", {})
        return schemas


def _operation(
    operation: Any, hints: Mapping[str, Any], writing: _Writing
) -> dict[str, Any]:
    """Return one operation: what is sent, and what is understood."""
    responses: dict[str, Any] = {"2XX": {"description": "understood"}}
    if operation.answer_type is not None:
        media_type = _MEDIA_TYPES.get(operation.stream, "application/json")
        schema = writing.schema(operation.answer_type, "validation")
        responses["2XX"]["content"] = {media_type: {"schema": schema}}
    for status, kind in operation.refusals.items():
        responses[str(status)] = {"description": kind.__name__}
    if operation.missing is not None:
        responses[str(operation.missing)] = {"description": "None"}
    made: dict[str, Any] = {
        "operationId": operation.name,
        "parameters": list(_parameters(operation, hints, writing)),
        "responses": responses,
    }
    if operation.body is not None:
        schema = writing.schema(operation.body_type, "serialization")
        required = not _admits_none(hints[operation.body])
        content = {"application/json": {"schema": schema}}
        made["requestBody"] = {"required": required, "content": content}
    return made


def _parameters(
    operation: Any, hints: Mapping[str, Any], writing: _Writing
) -> Iterator[dict[str, Any]]:
    """Yield the parameters in path, query and headers; None is never sent."""
    places = [
        *(("path", name, name) for name in operation.in_path),
        *(("query", name, name) for name in operation.in_query),
        *(("header", name, header) for name, header in operation.headers.items()),
    ]
    for where, name, called in places:
        yield {
            "name": called,
            "in": where,
            "required": where == "path" or not _admits_none(hints[name]),
            "schema": writing.schema(_without_none(hints[name]), "serialization"),
        }
    if operation.makes_key and operation.key is None:
        schema = {"type": "string", "format": "uuid"}
        yield {"name": _KEY, "in": "header", "required": True, "schema": schema}


def _admits_none(hint: Any) -> bool:
    """Return whether None may be given, whatever is said beside it."""
    return type(None) in getattr(_plain(hint), "__args__", ())


def _without_none(hint: Any) -> Any:
    """Return the type of what is sent when something is."""
    found, marks = _plain(hint), getattr(hint, "__metadata__", ())
    if _admits_none(found):
        first, *others = (one for one in found.__args__ if one is not type(None))
        found = functools.reduce(operator.or_, others, first)
    return Annotated[(found, *marks)] if marks else found


def _plain(hint: Any) -> Any:
    """Return a type without what is said beside it."""
    return getattr(hint, "__origin__", hint) if hasattr(hint, "__metadata__") else hint


def _stub(part: Any) -> dict[str, Any]:
    """Return what a gRPC stub can call."""
    return {
        "provider": part.provider,
        "stub": f"{part.kind.__module__}:{part.kind.__qualname__}",
        "methods": sorted(part.methods),
    }


def _heard(subscription: Any) -> dict[str, Any]:
    """Return an event that is heard, with the schema that is understood."""
    kind, reaction = subscription.kind, subscription.reaction
    schema = TypeAdapter(kind).json_schema(
        mode="validation", schema_generator=FactSchema
    )
    return {
        "topic": kind.__topic__,
        "version": kind.__version__,
        "event": f"{kind.__module__}:{kind.__qualname__}",
        "reaction": f"{reaction.__module__}:{reaction.__qualname__}",
        "schema": schema,
    }
