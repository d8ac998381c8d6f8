"""One exchange: arguments to request, response to value or error."""

import json
import os
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode
from uuid import UUID

from pydantic import ValidationError
from pydantic_core import to_jsonable_python

from fleetwright._clock import clock
from fleetwright._transport import Response
from fleetwright.errors import Refused, Unavailable
from fleetwright.resilience import Attempt
from fleetwright.rest._operation import Operation

_RETRY_AFTER_DIGITS = 9  # more is no time anybody waits
_ACCEPTED: dict[str | None, str] = {
    "lines": "application/x-ndjson, application/jsonl",
    "events": "text/event-stream",
    "bytes": "*/*",
}


class Draft(NamedTuple):
    """A request as the arguments make it, without what each attempt adds.

    Attributes:
        url: Where to, percent-encoded.
        headers: Header fields of the call.
        body: The body; None for none.
        key: The key that makes the call repeatable; None for none.
    """

    url: str
    headers: dict[str, str]
    body: bytes | None
    key: str | None


def draft_of(
    operation: Operation, arguments: Mapping[str, Any], base_url: str
) -> Draft:
    """Return the request of one call, without what each attempt adds.

    Args:
        operation: What is called.
        arguments: Values of all its parameters.
        base_url: Where the provider answers.

    Returns:
        The draft.

    Raises:
        ValueError: A value cannot stand where it is declared.
    """
    url = base_url + operation.texts[0]
    for name, text in zip(operation.in_path, operation.texts[1:], strict=True):
        url += _segment(name, arguments[name]) + text
    if operation.in_query:
        query = [
            (name, _text(item))
            for name in operation.in_query
            for item in _items(arguments[name])
        ]
        if query:
            url = f"{url}?{urlencode(query)}"
    headers = {"Accept": _ACCEPTED.get(operation.stream, "application/json")}
    for name, header in operation.headers.items():
        if arguments[name] is not None:
            headers[header] = _header(header, arguments[name])
    body = None
    if operation.body is not None and operation.body_type is not None:
        value = arguments[operation.body]
        if value is not None:
            headers["Content-Type"] = "application/json"
            body = operation.body_type.dump_json(value, by_alias=True)
    key = None
    if operation.key is not None:
        key = headers.get(operation.headers[operation.key]) or None
    if key is None and operation.makes_key:
        key = headers["Idempotency-Key"] = new_key()
    return Draft(url, headers, body, key)


def new_key() -> str:
    """Return a UUID of version 7 (RFC 9562): sorted by time, unique without asking."""
    milliseconds = int(clock().now() * 1000) & (1 << 48) - 1
    chance = int.from_bytes(os.urandom(10))
    number = milliseconds << 80 | chance
    number = number & ~(0xF << 76) | 7 << 76
    return str(UUID(int=number & ~(3 << 62) | 2 << 62))


def answer_of(
    operation: Operation, response: Response, attempt: Attempt, provider: str
) -> Any:
    """Return what the provider answered, or raise what it means.

    Args:
        operation: What was called.
        response: What came back.
        attempt: Learns whether the provider did anything and may be called again.
        provider: Who answered.

    Returns:
        The answer, of the type the operation declares.

    Raises:
        Refused: They answered no; of the type declared for the status.
        Unavailable: The answer does not count.
    """
    status = response.status
    if 200 <= status <= 299:
        return _value(operation, response, provider)
    if status == operation.missing:
        return None
    raise failure_of(operation, response, attempt, provider)


def failure_of(
    operation: Operation, response: Response, attempt: Attempt, provider: str
) -> Refused | Unavailable:
    """Return what a status that is no answer means.

    Args:
        operation: What was called.
        response: What came back.
        attempt: Learns whether the provider did anything and may be called again.
        provider: Who answered.
    """
    status = response.status
    if 400 <= status <= 499 and status != 429:
        return _refusal(operation, response, provider)
    attempt.not_processed = response.headers.get("fleet-not-processed") == "1"
    attempt.pushback = response.headers.get("fleet-retry", "").lower() == "no"
    known = status == 429 or 500 <= status <= 599
    return Unavailable(
        f"{provider} answered {status}",
        reason="status" if known else "invalid_answer",
        provider=provider,
        retry_after_seconds=_retry_after(response),
        status=status,
        where=operation.where,
    )


def _value(operation: Operation, response: Response, provider: str) -> Any:
    kind = operation.answer_type
    if kind is None:
        return None
    try:
        return kind.validator.validate_json(response.body or b"null")
    except ValidationError as error:
        raise Unavailable(
            f"{provider} answered {response.status} with a body that does not fit:"
            f" {_first(error)}",
            reason="invalid_answer",
            provider=provider,
            status=response.status,
            where=operation.where,
            hint="compare the model that is read with the provider's contract",
        ) from error


def _first(error: ValidationError) -> str:
    """Return the first thing that is wrong, without the value: it may be secret."""
    wrong = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(step) for step in wrong["loc"])
    return f"{place or 'the whole'}: {wrong['msg']}"


def _refusal(operation: Operation, response: Response, provider: str) -> Refused:
    problem = _problem(response)
    title = problem.get("title") if problem else None
    said = f" ({title})" if isinstance(title, str) else ""
    kind = operation.refusals.get(response.status, Refused)
    return kind(
        f"{provider} refused with {response.status}{said}",
        status=response.status,
        problem=problem,
        provider=provider,
        where=operation.where,
    )


def _problem(response: Response) -> dict[str, Any] | None:
    if "json" not in response.headers.get("content-type", ""):
        return None
    try:
        found = json.loads(response.body)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _retry_after(response: Response) -> float | None:
    """Return `Retry-After` in seconds, 0 or more; None where it says nothing."""
    text = response.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        if len(text) > _RETRY_AFTER_DIGITS:
            return None
        seconds = float(text)
    else:
        try:
            date = parsedate_to_datetime(text)
        except ValueError:
            return None
        # HTTP dates are GMT; one that leaves the zone out means it.
        seconds = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
        seconds -= clock().now()
    return max(seconds, 0.0)


def _text(value: Any) -> str:
    if type(value) is str:
        return value
    plain = to_jsonable_python(value)
    if isinstance(plain, bool):
        return "true" if plain else "false"
    return str(plain)


def _items(value: Any) -> list[Any]:
    """Return what a query parameter repeats; None is left out."""
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple, set, frozenset)) else [value]


def _segment(name: str, value: Any) -> str:
    text = _text(value)
    if text.isalnum() and text.isascii():
        return text
    if not text:
        raise ValueError(f"{name!r} is empty and would change the path that is called")
    if not text.strip("."):
        return text.replace(".", "%2E")  # "." and ".." would be taken for folders
    return quote(text, safe="")


def _header(name: str, value: Any) -> str:
    text = _text(value)
    if not text.isprintable() or not text.isascii():
        raise ValueError(f"header {name} may hold printable ASCII only")
    return text
