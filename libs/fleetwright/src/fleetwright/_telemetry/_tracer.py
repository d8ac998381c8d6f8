"""Tracer: our spans behind OpenTelemetry's API, for the stories and for everybody."""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeGuard

from opentelemetry import trace
from opentelemetry.context.context import Context
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    TraceFlags,
    TraceState,
)
from opentelemetry.trace.propagation import _SPAN_KEY

from fleetwright._context import Call, new_span_id, new_trace_id
from fleetwright._spans import Attributes, Entry, current, current_span
from fleetwright._telemetry._current import OPTIONS, Current
from fleetwright._telemetry._sampling import Sampler
from fleetwright._telemetry._span import Span, Trail

OURS: Final = ("fleetwright", "")
_INTERNAL = SpanKind.INTERNAL


class Tracer(trace.Tracer):
    """Makes spans that cost little; safe to use from several tasks and threads."""

    def __init__(
        self,
        keep: Callable[[Span], None],
        sampler: Sampler,
        *,
        slow_seconds: float | None,
        scope: tuple[str, str] = OURS,
    ) -> None:
        """Hand the spans on as they end.

        Args:
            keep: Takes a span that is to be sent; must return at once.
            sampler: Which traces are recorded.
            slow_seconds: How long a call takes at least to be recorded although its
                trace is not, as one that fails is; None records neither.
            scope: Who makes the spans, and in which version.
        """
        self._keep = keep
        self._sampler = sampler
        self._keeps_others = slow_seconds is not None
        self._slow_ns = round((slow_seconds or 0.0) * 1e9)
        self._scope = scope

    def of(self, scope: tuple[str, str]) -> "Tracer":
        """Return the same for another maker of spans."""
        slow = self._slow_ns / 1e9 if self._keeps_others else None
        return Tracer(self._keep, self._sampler, slow_seconds=slow, scope=scope)

    # -- for the stories

    def enter(self, call: Call, name: str, kind: SpanKind) -> Entry:
        """Begin the span of a call that came in, and make it the current one."""
        return Entry(self, call, self.span_of(call, name, kind))

    def span_of(self, call: Call, name: str, kind: SpanKind) -> trace.Span:
        """Begin the same without making it the current one."""
        if not (call.sampled or self._keeps_others):
            return NonRecordingSpan(_context_of(call))
        trail = self._trail_of(call)
        place = trail, call.span_id, call.parent_span_id
        span = Span(name, kind, place, self._scope, {})
        span.is_remote = True
        if not trail.is_kept:
            trail.first = span
        return span

    def begin(
        self, name: str, kind: SpanKind, attributes: Attributes, within: Call | None
    ) -> trace.Span:
        """Begin a span below the current one, or below a call."""
        parent, said = current_span(), dict(attributes)
        if isinstance(parent, Span):
            return self._below(parent, name, kind, said)
        if within is None or _is_valid(parent):
            return self._from_elsewhere(parent, name, kind, said)
        if not (within.sampled or self._keeps_others):
            return NonRecordingSpan(_context_of(within))
        # The call has no span of its own here: each below it stands alone.
        trail = self._trail_of(within)
        return self._first(trail, within.span_id, name, kind, said)

    def traceparent(self, span: trace.Span) -> str:
        """Return the W3C header for what a span causes elsewhere."""
        if isinstance(span, Span):
            return span.traceparent
        return traceparent_of(span.get_span_context())

    def is_seen(self, span: trace.Span, at: int) -> bool:
        """Return whether a span that ends will be seen; else it has ended by now."""
        if not isinstance(span, Span) or span.ended:
            return False
        trail = span.trail
        if trail.is_kept or trail.are_wanted(span, at):
            return True
        span.ended = at
        return False

    # -- for everybody: the API

    def start_span(
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = _INTERNAL,
        attributes: Mapping[str, Any] | None = None,
        *given: Any,
        **options: Any,
    ) -> trace.Span:
        """Begin a span below the current one, or below that of a context."""
        parent = (current() if context is None else context).get(_SPAN_KEY)
        said = dict(attributes) if attributes else {}
        span: trace.Span
        if parent.__class__ is Span:
            span = self._below(parent, name, kind, said)
        else:
            span = self._from_elsewhere(parent, name, kind, said)
        if (given or options) and isinstance(span, Span):
            asked = dict(zip(OPTIONS, given, strict=False)) | options
            span.link_all(asked.get("links"))
            span.begun = asked.get("start_time") or span.begun
        return span

    # The API has a generator here; a class does the same and costs a third.
    def start_as_current_span(  # type: ignore[override]
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = _INTERNAL,
        attributes: Mapping[str, Any] | None = None,
        *given: Any,
        **options: Any,
    ) -> Current:
        """Begin a span that is the current one in a block, or in a function."""
        asked = None
        if given or options:
            asked = dict(zip(OPTIONS, given, strict=False)) | options
        return Current(self.start_span, (name, context, kind, attributes), asked)

    def _below(
        self, parent: Span, name: str, kind: SpanKind, said: dict[str, Any]
    ) -> Span:
        place = parent.trail, new_span_id(), parent.id
        return Span(name, kind, place, self._scope, said)

    def _from_elsewhere(
        self, around: object, name: str, kind: SpanKind, said: dict[str, Any]
    ) -> trace.Span:
        """Go on with a trace that others have begun, or begin one."""
        if not _is_valid(around):
            id = new_trace_id()
            is_drawn = self._sampler(id, None)
            if not (is_drawn or self._keeps_others):
                made = int(id, 16), int(new_span_id(), 16)
                return NonRecordingSpan(SpanContext(*made, False, TraceFlags(2)))
            trail = Trail(id, self._keep, self._slow_ns, is_drawn)
            return self._first(trail, None, name, kind, said)
        context = around.get_span_context()
        id = f"{context.trace_id:032x}"
        is_drawn = self._sampler(id, context.trace_flags.sampled)
        if not (is_drawn or self._keeps_others):
            made = context.trace_id, context.span_id
            return NonRecordingSpan(
                SpanContext(*made, False, TraceFlags(2), context.trace_state)
            )
        trail = Trail(id, self._keep, self._slow_ns, is_drawn)
        trail.state = context.trace_state.to_header()
        return self._first(trail, f"{context.span_id:016x}", name, kind, said)

    def _first(
        self,
        trail: Trail,
        parent: str | None,
        name: str,
        kind: SpanKind,
        said: dict[str, Any],
    ) -> Span:
        place = trail, new_span_id(), parent
        span = Span(name, kind, place, self._scope, said)
        if not trail.is_kept:
            trail.first = span
        return span

    def _trail_of(self, call: Call) -> Trail:
        trail = Trail(call.trace_id, self._keep, self._slow_ns, call.sampled)
        trail.is_random = call.random
        trail.state = call.tracestate
        return trail


class Provider(trace.TracerProvider):
    """Hands out tracers; what it stands for can be replaced, for tests."""

    def __init__(self) -> None:
        """Start with nobody who records."""
        self.tracer: Tracer | None = None

    def get_tracer(
        self,
        instrumenting_module_name: str,
        instrumenting_library_version: str | None = None,
        schema_url: str | None = None,
        attributes: Mapping[str, Any] | None = None,
    ) -> trace.Tracer:
        """Return the tracer of somebody who makes spans."""
        if self.tracer is None:
            return trace.NoOpTracer()
        version = instrumenting_library_version or ""
        return self.tracer.of((instrumenting_module_name, version))


def traceparent_of(context: SpanContext) -> str:
    """Return the W3C header for what a span causes elsewhere.

    Args:
        context: What is known of the span.
    """
    flags = context.trace_flags
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{flags:02x}"


def _is_valid(around: object) -> TypeGuard[trace.Span]:
    """Return whether something is a span that has a place in a trace."""
    if around is None:  # an abstract class is slow to say so
        return False
    return isinstance(around, trace.Span) and around.get_span_context().is_valid


def _context_of(call: Call) -> SpanContext:
    """Return what the API knows of a call whose span nobody records."""
    return SpanContext(
        int(call.trace_id, 16),
        int(call.span_id, 16),
        is_remote=False,
        trace_flags=TraceFlags(call.sampled + 2 * call.random),
        trace_state=TraceState.from_header([call.tracestate]),
    )
