"""A span that is the current one in a block, or each time a function is called."""

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, Final

from opentelemetry.context.context import Context
from opentelemetry.trace import Span, StatusCode
from opentelemetry.trace.propagation import _SPAN_KEY

from fleetwright._spans import attach, current, detach

OPTIONS: Final = (
    "links",
    "start_time",
    "record_exception",
    "set_status_on_exception",
    "end_on_exit",
)
_AS_USUAL: Final[Mapping[str, Any]] = {}


class Current:
    """What `start_as_current_span` returns: for one `with`, or to decorate with."""

    __slots__ = ("_asked", "_given", "_span", "_start", "_token")

    def __init__(
        self,
        start: Callable[..., Span],
        given: tuple[Any, ...],
        asked: Mapping[str, Any] | None,
    ) -> None:
        """Begin nothing yet.

        Args:
            start: Begins the span.
            given: What was said of it.
            asked: What was asked for beside that, by the names of the API.
        """
        self._start = start
        self._given = given
        self._asked = asked

    def __enter__(self) -> Span:
        """Begin the span, and make it the current one."""
        if self._asked is None:
            span = self._start(*self._given)
        else:
            said = {name: self._asked.get(name) for name in ("links", "start_time")}
            span = self._start(*self._given, **said)
        self._span = span
        self._token = attach(Context({**current(), _SPAN_KEY: span}))
        return span

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: object
    ) -> None:
        """Say what went wrong, end the span, and take it back."""
        detach(self._token)
        span, asked = self._span, self._asked or _AS_USUAL
        if isinstance(error, Exception) and span.is_recording():
            if asked.get("record_exception", True):
                span.record_exception(error)
            if asked.get("set_status_on_exception", True):
                span.set_status(StatusCode.ERROR, f"{type(error).__name__}: {error}")
        if asked.get("end_on_exit", True):
            span.end()

    def _again(self) -> "Current":
        return Current(self._start, self._given, self._asked)

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that is a span of its own each time it is called."""
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def awaited(*args: Any, **kwargs: Any) -> Any:
                with self._again():
                    return await function(*args, **kwargs)

            return awaited

        @functools.wraps(function)
        def called(*args: Any, **kwargs: Any) -> Any:
            with self._again():
                return function(*args, **kwargs)

        return called
