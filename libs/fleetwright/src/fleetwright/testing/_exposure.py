"""What an API lets in and out without having said so, read from its OpenAPI."""

from collections.abc import Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]

_JSON = "application/json"


def exposed_properties(openapi: Schema) -> list[str]:
    """Return where an API takes or gives properties that it did not declare.

    A request that takes unknown properties lets a caller set what was never meant to be
    set; an answer without a schema gives away whatever the code happens to hold; one
    model for both does each in turn (OWASP API3:2023).

    Args:
        openapi: The document of the API, `app.openapi()`.

    Returns:
        One sentence for each place, in the order of the document; empty for an API that
        says what goes in and out.
    """
    found: list[str] = []
    for operation, described in _operations(openapi):
        taken = _models(openapi, _json_schema(described.get("requestBody", {})))
        given: dict[str, Schema] = {}
        for status, answer in described.get("responses", {}).items():
            schema = _json_schema(answer)
            if not status.startswith("2") or schema is None:
                continue
            if _says_nothing(schema):
                found.append(f"{operation}: the answer {status} has no schema")
            given |= _models(openapi, schema)
        found += [
            f"{operation}: the request takes unknown properties in {name}"
            for name, model in taken.items()
            if _is_open(model)
        ]
        found += [
            f"{operation}: {name} is both the request and the answer"
            for name in taken
            if name in given and _declares_properties(taken[name])
        ]
    return found


def _operations(openapi: Schema) -> Iterator[tuple[str, Schema]]:
    for path, verbs in openapi.get("paths", {}).items():
        for verb, described in verbs.items():
            if isinstance(described, Mapping) and "responses" in described:
                yield f"{verb.upper()} {path}", described


def _json_schema(body: Schema) -> Schema | None:
    """Return the schema of a JSON body; None where there is none."""
    content = body.get("content", {})
    if _JSON not in content:
        return None
    schema: Schema = content[_JSON].get("schema", {})
    return schema


def _models(openapi: Schema, schema: Schema | None) -> dict[str, Schema]:
    """Return the objects a schema consists of, by name, each once."""
    found: dict[str, Schema] = {}
    waiting: list[Any] = [schema]
    while waiting:
        part = waiting.pop()
        if isinstance(part, list):
            waiting += part
        elif isinstance(part, Mapping):
            reference = part.get("$ref")
            if isinstance(reference, str):
                name = reference.rpartition("/")[2]
                if name not in found:
                    found[name] = openapi["components"]["schemas"][name]
                    waiting.append(found[name])
            elif part is schema and part.get("type") == "object":
                found["the body"] = part
            waiting += part.values()
    return found


def _says_nothing(schema: Schema) -> bool:
    """Tell whether anything at all fits, as with `Any` and `dict[str, Any]`."""
    is_any_object = schema.get("type") == "object" and not (
        schema.keys() & {"properties", "allOf", "anyOf", "oneOf"}
    )
    if is_any_object:
        return schema.get("additionalProperties", True) is True
    return not schema.keys() - {"title", "description"}


def _is_open(model: Schema) -> bool:
    return _declares_properties(model) and model.get("additionalProperties") is not (
        False
    )


def _declares_properties(model: Schema) -> bool:
    return model.get("type") == "object" and "properties" in model
