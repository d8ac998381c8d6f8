"""Tracer: our spans behind OpenTelemetry's API, for the stories and for everybody."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from opentelemetry import trace
from opentelemetry.context.context import Context
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    TraceFlags,
    TraceState,
)

from fleetwright._context import Call, new_span_id, new_trace_id
from fleetwright._spans import Attributes, Entry
from fleetwright._telemetry._current import Current
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
        return Entry(call, self.span_of(call, name, kind))

    def span_of(self, call: Call, name: str, kind: SpanKind) -> trace.Span:
        """Begin the same without making it the current one."""
        if not (call.sampled or self._keeps_others):
            return NonRecordingSpan(_context_of(call))
        trail = self._trail_of(call)
        span = Span(
            name,
            kind,
            trail,
            call.span_id,
            call.parent_span_id,
            scope=self._scope,
            is_remote=True,
        )
        trail.began(span)
        return span

    def begin(
        self, name: str, kind: SpanKind, attributes: Attributes, within: Call | None
    ) -> trace.Span:
        """Begin a span below the current one, or below a call."""
        parent = trace.get_current_span()
        if parent.__class__ is Span:
            return self._below(parent, name, kind, dict(attributes))
        if within is None or parent.get_span_context().is_valid:
            return self.start_span(name, kind=kind, attributes=attributes)
        if not (within.sampled or self._keeps_others):
            return NonRecordingSpan(_context_of(within))
        # The call has no span of its own here: each below it stands alone.
        trail = self._trail_of(within)
        return self._first(trail, within.span_id, name, kind, dict(attributes))

    def traceparent(self, span: trace.Span) -> str:
        """Return the W3C header for what a span causes elsewhere."""
        if isinstance(span, Span):
            return span.traceparent
        return traceparent_of(span.get_span_context())

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
        parent = trace.get_current_span(context)
        said = dict(attributes) if attributes else None
        if parent.__class__ is Span:
            span = self._below(parent, name, kind, said)
        else:
            found = self._from_elsewhere(parent.get_span_context(), name, kind, said)
            if not isinstance(found, Span):
                return found
            span = found
        if given or options:
            asked = dict(zip(("links", "start_time"), given, strict=False)) | options
            span.link_all(asked.get("links"))
            span.begun = asked.get("start_time") or span.begun
        return span

    # The API has a generator here; a class does the same and costs a third.
    def start_as_current_span(  # type: ignore[override]
        self, name: str, *given: Any, **options: Any
    ) -> Current:
        """Begin a span that is the current one in a block, or in a function."""
        return Current(self, name, given, options)

    def _below(
        self, parent: Span, name: str, kind: SpanKind, said: dict[str, Any] | None
    ) -> Span:
        return Span(
            name,
            kind,
            parent.trail,
            new_span_id(),
            parent.id,
            scope=self._scope,
            attributes=said,
        )

    def _from_elsewhere(
        self,
        context: SpanContext,
        name: str,
        kind: SpanKind,
        said: dict[str, Any] | None,
    ) -> trace.Span:
        """Go on with a trace that others have begun, or begin one."""
        known = context.is_valid
        id = f"{context.trace_id:032x}" if known else new_trace_id()
        is_drawn = self._sampler(id, context.trace_flags.sampled if known else None)
        if not (is_drawn or self._keeps_others):
            made = int(id, 16), context.span_id or int(new_span_id(), 16)
            return NonRecordingSpan(
                SpanContext(*made, False, TraceFlags(2), context.trace_state)
            )
        state = context.trace_state.to_header() if known else ""
        trail = Trail(id, self._keep, self._slow_ns, is_drawn=is_drawn, state=state)
        parent = f"{context.span_id:016x}" if known else None
        return self._first(trail, parent, name, kind, said)

    def _first(
        self,
        trail: Trail,
        parent: str | None,
        name: str,
        kind: SpanKind,
        said: dict[str, Any] | None,
    ) -> Span:
        scope = self._scope
        span = Span(
            name, kind, trail, new_span_id(), parent, scope=scope, attributes=said
        )
        trail.began(span)
        return span

    def _trail_of(self, call: Call) -> Trail:
        return Trail(
            call.trace_id,
            self._keep,
            self._slow_ns,
            is_drawn=call.sampled,
            is_random=call.random,
            state=call.tracestate,
        )


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


def _context_of(call: Call) -> SpanContext:
    """Return what the API knows of a call whose span nobody records."""
    return SpanContext(
        int(call.trace_id, 16),
        int(call.span_id, 16),
        is_remote=False,
        trace_flags=TraceFlags(call.sampled + 2 * call.random),
        trace_state=TraceState.from_header([call.tracestate]),
    )
