"""What one request may cost a service: lists without an end, effects without a key."""

from collections.abc import Iterator, Mapping
from typing import Any

MOST_ITEMS = 100  # of one page (OWASP API4:2023)
_AMOUNTS = frozenset(("page_size", "per_page", "limit", "count", "size", "first"))
_KEY = "idempotency-key"


def unbounded_requests(openapi: Mapping[str, Any]) -> list[str]:
    """Name what lets one request ask for as much as it likes.

    Args:
        openapi: The description of an API, as `app.openapi()` returns it.

    Returns:
        Query parameters for an amount whose maximum is not 100 or less, and lists of a
        request without `maxItems`; sorted, empty when everything has an end.
    """
    found = set()
    for where, operation in _operations(openapi):
        for parameter in operation.get("parameters", ()):
            schema = parameter.get("schema", {})
            is_amount = parameter["in"] == "query" and parameter["name"] in _AMOUNTS
            if is_amount and not schema.get("maximum", MOST_ITEMS + 1) <= MOST_ITEMS:
                found.add(f"{where}: {parameter['name']}")
        for content in operation.get("requestBody", {}).get("content", {}).values():
            schema = content.get("schema", {})
            for path in _endless(schema, openapi, "body", ()):
                found.add(f"{where}: {path}")
    return sorted(found)


def unkeyed_posts(openapi: Mapping[str, Any]) -> list[str]:
    """Name the POST routes that a repeated request could do twice.

    Args:
        openapi: The description of an API, as `app.openapi()` returns it.

    Returns:
        Routes that do not require an `Idempotency-Key`, sorted; empty when all do.
    """
    return sorted(
        where
        for where, operation in _operations(openapi)
        if where.startswith("POST ")
        and not any(
            one["in"] == "header"
            and one["name"].lower() == _KEY
            and one.get("required", False)
            for one in operation.get("parameters", ())
        )
    )


def _operations(openapi: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, operations in openapi.get("paths", {}).items():
        for verb, operation in operations.items():
            if isinstance(operation, dict):
                yield f"{verb.upper()} {path}", operation


def _endless(
    schema: Any, openapi: Mapping[str, Any], at: str, seen: tuple[str, ...]
) -> Iterator[str]:
    """Yield where a schema admits a list of any length."""
    if not isinstance(schema, dict):
        return
    reference = schema.get("$ref")
    if reference is not None:
        if reference not in seen:
            name = reference.rpartition("/")[2]
            inner = openapi["components"]["schemas"][name]
            yield from _endless(inner, openapi, at, (*seen, reference))
        return
    if schema.get("type") == "array":
        if "maxItems" not in schema:
            yield at
        yield from _endless(schema.get("items"), openapi, f"{at}[]", seen)
    for name, inner in schema.get("properties", {}).items():
        yield from _endless(inner, openapi, f"{at}.{name}", seen)
    for word in ("anyOf", "oneOf", "allOf"):
        for inner in schema.get(word, ()):
            yield from _endless(inner, openapi, at, seen)
