"""The spans of calls made by OpenTelemetry's own SDK, for those who want that one."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from opentelemetry import metrics, trace
from opentelemetry.context.context import Context
from opentelemetry.trace import (
    NonRecordingSpan,
    ProxyTracerProvider,
    Span,
    SpanContext,
    SpanKind,
    TraceFlags,
    TraceState,
)

from fleetwright._context import Call
from fleetwright._spans import Attributes, Entry
from fleetwright._telemetry._environment import Target
from fleetwright._telemetry._tracer import Provider, traceparent_of


class StockTracer:
    """Makes the spans of calls with a tracer of somebody else's.

    That one chooses the ids, and which traces are recorded: the call takes them over.
    """

    def __init__(self, tracer: trace.Tracer) -> None:
        """Stand on a tracer.

        Args:
            tracer: Whose spans they are.
        """
        self._tracer = tracer

    def enter(self, call: Call, name: str, kind: SpanKind) -> Entry:
        """Begin the span of a call that came in, and make it the current one."""
        span = self.span_of(call, name, kind)
        ids = span.get_span_context()
        if ids.is_valid:
            call = replace(
                call,
                trace_id=f"{ids.trace_id:032x}",
                span_id=f"{ids.span_id:016x}",
                sampled=ids.trace_flags.sampled,
            )
        return Entry(self, call, span)

    def span_of(self, call: Call, name: str, kind: SpanKind) -> Span:
        """Begin the same without making it the current one."""
        return self._tracer.start_span(name, _above(call.parent_span_id, call), kind)

    def begin(
        self, name: str, kind: SpanKind, attributes: Attributes, within: Call | None
    ) -> Span:
        """Begin a span below the current one, or below a call."""
        context = None
        if within is not None and not _is_current():
            context = _above(within.span_id, within)
        return self._tracer.start_span(name, context, kind, attributes)

    def traceparent(self, span: Span) -> str:
        """Return the W3C header for what a span causes elsewhere."""
        return traceparent_of(span.get_span_context())

    def is_seen(self, span: Span, at: int) -> bool:
        """Return whether a span that ends will be seen; else it has ended by now."""
        if span.is_recording():
            return True
        span.end(at)
        return False


def _is_current() -> bool:
    return trace.get_current_span().get_span_context().is_valid


def _above(span_id: str | None, call: Call) -> Context:
    """Return the context in which a span of another process is the current one."""
    if span_id is None:
        return Context()
    context = SpanContext(
        int(call.trace_id, 16),
        int(span_id, 16),
        is_remote=True,
        trace_flags=TraceFlags(call.sampled + 2 * call.random),
        trace_state=TraceState.from_header([call.tracestate]),
    )
    return trace.set_span_in_context(NonRecordingSpan(context), Context())


def provider_of_others() -> trace.TracerProvider | None:
    """Return the provider that somebody else has set, if one has."""
    found = trace.get_tracer_provider()
    return None if isinstance(found, ProxyTracerProvider | Provider) else found


def stock_provider(
    resource: Mapping[str, Any], target: Target | None
) -> trace.TracerProvider:
    """Return a provider of OpenTelemetry's SDK that sends in batches.

    It reads its limits, its sampler and where to send from the same variables.

    Args:
        resource: What all spans have in common.
        target: Where they go; None for nowhere.

    Raises:
        ModuleNotFoundError: The SDK is not installed.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import (
            OTLPSpanExporter,
        )
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"TELEMETRY=sdk needs {error.name}\n"
            "hint: add `fleetwright[otlp]` to requirements.in and run `fleet lock`",
            name=error.name,
        ) from None
    provider = TracerProvider(resource=Resource.create(dict(resource)))
    if target is not None:
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider


def stock_meters(resource: Mapping[str, Any]) -> metrics.MeterProvider:
    """Return a meter provider of OpenTelemetry's SDK that sends in intervals.

    Args:
        resource: What all metrics have in common.
    """
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import (
        OTLPMetricExporter,
    )
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
    from opentelemetry.sdk.resources import Resource

    reader = PeriodicExportingMetricReader(OTLPMetricExporter())
    return MeterProvider([reader], Resource.create(dict(resource)))
