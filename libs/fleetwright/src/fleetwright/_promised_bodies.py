"""What is said to a body that is not read, as the OpenAPI description says it."""

from collections.abc import Iterator
from typing import Any, Final

from fleetwright._problem_schema import refused

_JSON: Final = "application/json"
_TOO_LONG: Final = refused("The body is too long: `body_too_long`.")
_OF_JSON: Final = {
    "400": refused("The body is no JSON that is safe to read: `bad_json`."),
    "415": refused("The body is not said to be JSON: `unsupported_media_type`."),
}


def promise_bodies(document: dict[str, Any]) -> None:
    """Have a description say how bodies are refused before a handler sees them.

    Every body may be too long (413); where JSON is taken it may also be broken (400)
    or of another type (415). What is promised already is kept.

    Args:
        document: The description; it is changed.
    """
    for operation in _operations(document):
        content = operation.get("requestBody", {}).get("content", {})
        if not content:
            continue
        answers = {"413": _TOO_LONG} | (_OF_JSON if _JSON in content else {})
        for status, answer in answers.items():
            operation["responses"].setdefault(status, answer)


def _operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the operations of a description."""
    for members in document.get("paths", {}).values():
        yield from (one for one in members.values() if "responses" in one)
