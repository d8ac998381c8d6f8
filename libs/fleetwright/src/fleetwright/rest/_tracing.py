"""The span of one attempt: a request that is sent, and the answer that comes."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import lru_cache
from typing import TypeVar
from urllib.parse import urlsplit

from opentelemetry import metrics

from fleetwright import _spans
from fleetwright._context import Call
from fleetwright._transport import Request
from fleetwright.resilience import Attempt
from fleetwright.rest._operation import Operation

T = TypeVar("T")
_durations = metrics.get_meter("fleetwright").create_histogram(
    "http.client.request.duration",
    unit="s",
    description="Time of one attempt of a call out, by provider, route and status.",
)


class measured:  # noqa: N801 - reads like a word in a `with`
    """Measures one attempt in the block; a class, as one is made for every call."""

    __slots__ = ("_attempt", "_began", "_operation", "_provider")

    def __init__(self, attempt: Attempt, provider: str, operation: Operation) -> None:
        """Measure an attempt.

        Args:
            attempt: Which send of its call it is.
            provider: Who is called.
            operation: What is called.
        """
        self._attempt, self._provider, self._operation = attempt, provider, operation

    def __enter__(self) -> None:
        """Begin; not by the Clock, as uvloop's has whole milliseconds."""
        self._began = time.perf_counter()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Take the time, whatever came of it."""
        took, operation = time.perf_counter() - self._began, self._operation
        status = self._attempt.status
        error = "" if status or kind is None else kind.__name__
        said = _outcome(self._provider, operation.verb, operation.path, status, error)
        _durations.record(took, said)


@lru_cache(maxsize=2048)
def _outcome(
    provider: str, verb: str, path: str, status: int, error: str
) -> dict[str, str | int]:
    said: dict[str, str | int] = {
        "service.peer.name": provider,
        "http.request.method": verb,
        "url.template": path,
    }
    if status:
        said["http.response.status_code"] = status
    if error or status >= 400:
        said["error.type"] = error or str(status)
    return said


async def traced(
    receive: Callable[[Request, Attempt], Awaitable[T]],
    request: Request,
    attempt: Attempt,
    *,
    by: tuple[_spans.CallTracer, Call],
    of: tuple[str, Operation],
) -> T:
    """Send a request as a span, which that of the provider belongs to.

    Args:
        receive: Sends it and takes the answer.
        request: What is sent; a provider of the fleet is told the span.
        attempt: Which send of its call it is.
        by: Who makes spans, and the call it is made in.
        of: The provider that is called, and the operation.

    Returns:
        The answer.
    """
    (tracer, call), (provider, operation) = by, of
    origin = request.url[: request.url.find("/", 8)]
    said = _known(operation.verb, operation.path, provider, origin).copy()
    if attempt.number > 1:
        said["http.request.resend_count"] = attempt.number - 1
    name = f"{operation.verb} {operation.path}"
    span = tracer.begin(name, _spans.CLIENT, said, call)
    if "traceparent" in request.headers:  # not where others than the fleet are called
        told = {**request.headers, "traceparent": tracer.traceparent(span)}
        request = replace(request, headers=told)
    try:
        return await receive(request, attempt)
    except BaseException as error:
        _spans.failed(span, error)
        raise
    finally:
        if attempt.status:
            span.set_attribute("http.response.status_code", attempt.status)
        span.end()


@lru_cache(maxsize=1024)
def _known(verb: str, path: str, provider: str, origin: str) -> dict[str, _spans.Value]:
    """Return what is the same for all calls of an operation."""
    found: dict[str, _spans.Value] = {
        "http.request.method": verb,
        "url.template": path,
        "service.peer.name": provider,
    }
    parts = urlsplit(origin)
    if parts.hostname:
        found["server.address"] = parts.hostname
    if parts.port is not None:
        found["server.port"] = parts.port
    return found
