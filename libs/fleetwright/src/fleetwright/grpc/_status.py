"""Status codes of gRPC and what they mean here, both ways."""

import json
from collections.abc import Mapping
from typing import Any, Final

import grpc

from fleetwright._problem import Problem
from fleetwright.errors import FleetwrightError, Reason, Refused, Unavailable
from fleetwright.resilience import Attempt

Code = grpc.StatusCode

PROBLEM: Final = "fleet-problem-bin"  # our problem document, for peers of the fleet
PUSHBACK: Final = "grpc-retry-pushback-ms"  # gRPC A6; below zero: do not call again
NOT_PROCESSED: Final = "fleet-not-processed"
_PROBLEM_BYTES = 4096  # metadata is limited to 8 KiB in all by most peers
_TEXT_LENGTH = 500
# gRPC's own words for calls that never left: it has no code of its own for them.
_NEVER_SENT = (
    "connections to all backends failing",
    "failed to connect to all addresses",
    "errors resolving",
    "DNS resolution failed",
)

_REFUSALS: Mapping[Code, int] = {
    Code.INVALID_ARGUMENT: 400,
    Code.OUT_OF_RANGE: 400,
    Code.UNAUTHENTICATED: 401,
    Code.PERMISSION_DENIED: 403,
    Code.NOT_FOUND: 404,
    Code.ALREADY_EXISTS: 409,
    Code.ABORTED: 409,
    Code.FAILED_PRECONDITION: 412,
}
_FAILURES: Mapping[Code, int] = {
    Code.RESOURCE_EXHAUSTED: 429,
    Code.CANCELLED: 499,
    Code.UNIMPLEMENTED: 501,
    Code.UNAVAILABLE: 503,
    Code.DEADLINE_EXCEEDED: 504,
}
_CODES: Mapping[int, Code] = {
    400: Code.INVALID_ARGUMENT,
    401: Code.UNAUTHENTICATED,
    403: Code.PERMISSION_DENIED,
    404: Code.NOT_FOUND,
    409: Code.ALREADY_EXISTS,
    412: Code.FAILED_PRECONDITION,
    413: Code.INVALID_ARGUMENT,
    422: Code.INVALID_ARGUMENT,
    429: Code.RESOURCE_EXHAUSTED,
    499: Code.CANCELLED,
    501: Code.UNIMPLEMENTED,
    502: Code.UNAVAILABLE,
    503: Code.UNAVAILABLE,
    504: Code.DEADLINE_EXCEEDED,
}


def code_of(status: int) -> Code:
    """Return the gRPC code of an HTTP status.

    Args:
        status: Of a problem, 400 to 599.

    Returns:
        The nearest code; FAILED_PRECONDITION for refusals without one of their own,
        INTERNAL for failures.
    """
    known = _CODES.get(status)
    if known is not None:
        return known
    return Code.FAILED_PRECONDITION if 400 <= status <= 499 else Code.INTERNAL


def status_of(code: Code | None) -> int:
    """Return the HTTP status that says the same as a gRPC code.

    Args:
        code: The code; None is taken for OK, as gRPC does.

    Returns:
        200, or a status from 400 to 504.
    """
    if code is None or code is Code.OK:
        return 200
    return _REFUSALS.get(code) or _FAILURES.get(code, 500)


def is_refusal(code: Code) -> bool:
    """Return whether a code is a no: asked again the answer is the same.

    Args:
        code: How a call ended.
    """
    return code in _REFUSALS


def ending_of(
    problem: Problem, trace_id: str | None
) -> tuple[Code, str, tuple[tuple[str, str | bytes], ...]]:
    """Return how a call ends with a problem: code, words and trailing metadata.

    Args:
        problem: What was answered.
        trace_id: Of the call; it goes into the document.

    Returns:
        The three; `Retry-After`, `Fleet-Retry` and `Fleet-Not-Processed` of the
        problem become the metadata gRPC peers know.
    """
    headers = {name.lower(): value for name, value in problem.headers.items()}
    metadata: list[tuple[str, str | bytes]] = []
    if headers.get("fleet-retry", "").lower() == "no":
        metadata.append((PUSHBACK, "-1"))
    elif headers.get("retry-after", "").isdigit():
        metadata.append((PUSHBACK, str(int(headers["retry-after"]) * 1000)))
    if headers.get(NOT_PROCESSED) == "1":
        metadata.append((NOT_PROCESSED, "1"))
    document = problem.body(trace_id)
    if len(document) <= _PROBLEM_BYTES:
        metadata.append((PROBLEM, document))
    words = problem.title + (f": {problem.detail}" if problem.detail else "")
    return code_of(problem.status), words[:_TEXT_LENGTH], tuple(metadata)


def meant(
    error: grpc.aio.AioRpcError,
    attempt: Attempt,
    provider: str,
    path: str,
    *,
    connected: bool = True,
) -> FleetwrightError:
    """Return what the end of a call means to the caller.

    Args:
        error: How the call ended.
        attempt: Learns whether the provider did anything and may be called again.
        provider: Who was called.
        path: The method.
        connected: Whether there was a connection before or after the call: then it may
            have been sent, whatever the words, which a provider may have passed on.

    Returns:
        `Refused` for a no, `Unavailable` for what is no answer.
    """
    code, words = error.code(), (error.details() or "")[:_TEXT_LENGTH]
    trailing = dict(error.trailing_metadata() or ())
    problem = _document(trailing.get(PROBLEM))
    status = _status(code, problem)
    too_large = code is Code.RESOURCE_EXHAUSTED and "message larger than max" in words
    if too_large and "CLIENT: " in words:
        return Unavailable(
            f"{provider} answered with too long a message",
            reason="invalid_answer",
            provider=provider,
            where=path,
        )
    if code in _REFUSALS or too_large:
        return Refused(
            f"{provider} refused with {code.name} ({words})",
            status=413 if too_large else status,
            problem=problem,
            provider=provider,
            where=path,
        )
    attempt.not_processed = trailing.get(NOT_PROCESSED) == "1"
    after_seconds = _pushback(trailing.get(PUSHBACK), attempt)
    never_sent = not connected and not trailing and words.startswith(_NEVER_SENT)
    reason: Reason = "connect" if never_sent else "status"
    if code is Code.DEADLINE_EXCEEDED:
        reason = "timeout"
    elif code is Code.CANCELLED:
        reason = "reset"  # not by us: it stopped before, or while, it answered
    return Unavailable(
        f"{provider} answered {code.name} ({words})",
        reason=reason,
        provider=provider,
        retry_after_seconds=after_seconds,
        status=None if reason in ("connect", "reset") else status,
        where=path,
    )


def _status(code: Code, problem: dict[str, Any] | None) -> int:
    """Return the status our problem names, where it is of the code's kind."""
    named = (problem or {}).get("status")
    if isinstance(named, int) and code_of(named) is code:
        return named
    return status_of(code)


def _document(data: object) -> dict[str, Any] | None:
    if not isinstance(data, bytes):
        return None
    try:
        found = json.loads(data)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _pushback(text: object, attempt: Attempt) -> float | None:
    """Return the wait that was asked for; what cannot be read means never (A6)."""
    if text is None:
        return None
    if isinstance(text, str) and text.isascii() and text.isdigit() and len(text) < 10:
        return int(text) / 1000
    attempt.pushback = True
    return None
