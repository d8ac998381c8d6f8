"""What the stories tell of themselves as spans; nothing while nobody records them.

Each place that makes spans looks at `tracer` first: it is None until a service is told
where its spans go (`_telemetry`), and then all of this costs that one look.
"""

import time
from collections.abc import Callable, Mapping
from contextvars import Token
from typing import Final, Protocol

from opentelemetry import context, trace
from opentelemetry.context.context import Context
from opentelemetry.context.contextvars_context import ContextVarsRuntimeContext
from opentelemetry.trace import Span, SpanKind, StatusCode
from opentelemetry.trace.propagation import _SPAN_KEY

from fleetwright._answered import Answer
from fleetwright._context import Call
from fleetwright._secrets import mask

Value = str | int | float | bool
Attributes = Mapping[str, Value]

SERVER: Final = SpanKind.SERVER
CLIENT: Final = SpanKind.CLIENT
PRODUCER: Final = SpanKind.PRODUCER
CONSUMER: Final = SpanKind.CONSUMER


class CallTracer(Protocol):
    """Makes the spans of calls: our own tracer, or one that stands on another's."""

    def enter(self, call: Call, name: str, kind: SpanKind) -> "Entry":
        """Begin the span of a call that came in, and make it the current one.

        Args:
            call: The call; its ids are those of the span where the tracer lets us
                choose them.
            name: What the span is called until more is known.
            kind: SERVER or CONSUMER.

        Returns:
            The span, entered, with the call as it goes on.
        """
        ...

    def span_of(self, call: Call, name: str, kind: SpanKind) -> Span:
        """Begin the same without making it the current one."""
        ...

    def begin(
        self, name: str, kind: SpanKind, attributes: Attributes, within: Call | None
    ) -> Span:
        """Begin a span below the current one; it does not become the current one.

        Args:
            name: What happens.
            kind: What it is to the others of the trace.
            attributes: What is known of it.
            within: The call it belongs to where no span is the current one.

        Returns:
            The span, begun.
        """
        ...

    def traceparent(self, span: Span) -> str:
        """Return the W3C header for what a span causes elsewhere."""
        ...

    def is_seen(self, span: Span, at: int) -> bool:
        """Return whether a span that ends will be seen; else it has ended by now.

        Args:
            span: The first span of its trace here; its status is known.
            at: When it ends, in nanoseconds since 1970.
        """
        ...


tracer: CallTracer | None = None


def _variable() -> tuple[
    Callable[[], Context],
    Callable[[Context], Token[Context]],
    Callable[[Token[Context]], None],
]:
    """Return what gets, sets and resets the current context.

    They are those of the variable behind the API where it is the usual one: the
    functions around it cost three times as much as it does.
    """
    runtime = context._RUNTIME_CONTEXT
    if isinstance(runtime, ContextVarsRuntimeContext):
        found = getattr(runtime, "_current_context", None)
        if found is not None:
            return found.get, found.set, found.reset
    return context.get_current, context.attach, context.detach


current, attach, _reset = _variable()


def detach(token: Token[Context]) -> None:
    """Make the current context what it was; says so in the log where it cannot.

    Args:
        token: What `attach` returned.
    """
    try:
        _reset(token)
    except ValueError:  # attached by another task: a generator was closed elsewhere
        context.detach(token)


def current_span() -> object:
    """Return the current span; None for none."""
    return current().get(_SPAN_KEY)


class Entry:
    """The span of a call, the current one until it is left.

    Attributes:
        call: The call, with the ids of the span.
        span: The span.
    """

    __slots__ = ("_token", "_tracer", "call", "span")

    def __init__(self, tracer: CallTracer, call: Call, span: Span) -> None:
        """Make a span the current one."""
        self._tracer = tracer
        self.call = call
        self.span = span
        self._token = attach(Context({**current(), _SPAN_KEY: span}))

    def leave(self) -> None:
        """End the span; what was the current one before is it again."""
        detach(self._token)
        self.span.end()

    def answered(self, answer: Answer) -> None:
        """Say how a call was answered, and leave.

        Args:
            answer: What stands on the canonical line of the call.
        """
        span, at = self.span, time.time_ns()
        if answer.is_failure:
            span.set_status(StatusCode.ERROR)
        if self._tracer.is_seen(span, at):
            name, said = answer.span
            span.update_name(name)
            span.set_attributes(said)
            span.set_attribute("fleetwright.call_id", self.call.id)
            span.end(at)
        detach(self._token)


def failed(span: Span, error: BaseException, *, kind: str = "") -> None:
    """Say on a span that what it stands for has failed.

    Args:
        span: The span.
        error: Why.
        kind: What it is called, where there is a better word than its class or status.
    """
    kind = kind or str(getattr(error, "status", None) or type(error).__qualname__)
    span.set_attribute("error.type", kind)
    span.set_status(StatusCode.ERROR, mask(str(error).partition("\n")[0]))


def record(error: BaseException) -> None:
    """Keep an error that nobody expected, with its traceback, on the current span.

    Args:
        error: What was raised.
    """
    span = trace.get_current_span()
    if span.is_recording():
        span.record_exception(error)
        span.set_status(StatusCode.ERROR, type(error).__qualname__)
