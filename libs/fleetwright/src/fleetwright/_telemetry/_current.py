"""A span that is the current one in a block, or each time a function is called."""

import functools
import inspect
from collections.abc import Callable, Mapping
from contextvars import Token
from typing import Any, Protocol

from opentelemetry import context
from opentelemetry.context.context import Context
from opentelemetry.trace import Span, StatusCode

from fleetwright._spans import within


class Starting(Protocol):
    """What begins spans."""

    def start_span(self, name: str, *given: Any, **options: Any) -> Span:
        """Begin a span."""
        ...


class Current:
    """What `start_as_current_span` returns: for one `with`, or to decorate with."""

    __slots__ = ("_given", "_name", "_options", "_span", "_starting", "_token")

    def __init__(
        self,
        starting: Starting,
        name: str,
        given: tuple[Any, ...],
        options: Mapping[str, Any],
    ) -> None:
        """Begin nothing yet.

        Args:
            starting: Begins the span.
            name: What it is called.
            given: What else was said of it, in order.
            options: What else was said of it, by name.
        """
        self._starting = starting
        self._name = name
        self._given = given
        self._options = options

    def __enter__(self) -> Span:
        """Begin the span, and make it the current one."""
        known = self._options
        if "end_on_exit" in known:
            known = {k: v for k, v in known.items() if k != "end_on_exit"}
        self._span = self._starting.start_span(self._name, *self._given, **known)
        self._token: Token[Context] = context.attach(within(self._span))
        return self._span

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: object
    ) -> None:
        """Say what went wrong, end the span, and take it back."""
        context.detach(self._token)
        span, options = self._span, self._options
        if isinstance(error, Exception) and span.is_recording():
            if options.get("record_exception", True):
                span.record_exception(error)
            if options.get("set_status_on_exception", True):
                span.set_status(StatusCode.ERROR, f"{type(error).__name__}: {error}")
        if options.get("end_on_exit", True):
            span.end()

    def _again(self) -> "Current":
        return Current(self._starting, self._name, self._given, self._options)

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
