"""Telemetry of one process, set up once: what the variables say, made to work."""

import atexit
import os
import platform
import socket
import time
from collections.abc import Iterable, Mapping
from functools import partial
from importlib.metadata import version
from typing import Any, Final
from uuid import uuid4

import structlog
from opentelemetry import metrics, trace
from opentelemetry.metrics import CallbackOptions, Observation

from fleetwright import _answered, _context, _exposed, _logs, _spans
from fleetwright._context import Call
from fleetwright._settings import Settings
from fleetwright._telemetry import _otlp
from fleetwright._telemetry._batches import Batches, Limits
from fleetwright._telemetry._environment import Environment, Target
from fleetwright._telemetry._meter import MeterProvider
from fleetwright._telemetry._otlp_logs import Line, encode_lines
from fleetwright._telemetry._otlp_metrics import encode_metrics
from fleetwright._telemetry._otlp_spans import Written, join_spans, write_span
from fleetwright._telemetry._prometheus import exposition
from fleetwright._telemetry._sampling import sampler_of
from fleetwright._telemetry._sending import Clockwork, Sending
from fleetwright._telemetry._span import Span
from fleetwright._telemetry._stock import (
    StockTracer,
    provider_of_others,
    stock_meters,
    stock_provider,
)
from fleetwright._telemetry._tracer import Provider, Tracer

EXIT_SECONDS: Final = 2.0
_provider = Provider()
_meters = MeterProvider()
_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("fleetwright")


class Telemetry:
    """What one process tells of itself.

    Attributes:
        said: What all of it has in common.
        resource: The same, encoded.
        spans: Spans on their way; None where none are recorded.
        lines: Log lines on their way; None where none are sent.
    """

    def __init__(self, said: Mapping[str, Any]) -> None:
        """Tell nothing yet.

        Args:
            said: What all of it has in common.
        """
        self.said = said
        self.resource = _otlp.attributes(1, said)
        self.spans: Batches[Span, Written] | None = None
        self.lines: Batches[Line, Line] | None = None
        self._stock: list[Any] = []
        self._reading: Clockwork | None = None
        self._sending: Sending | None = None

    def record_spans(self, environment: Environment, settings: Settings) -> None:
        """Record spans from now on, where somebody wants them."""
        target = environment.target("traces")
        others = provider_of_others()
        if settings.telemetry == "sdk" or others is not None:
            if others is None:
                others = stock_provider(self.said, target)
                self._stock.append(others)
                trace.set_tracer_provider(others)
            _spans.tracer = StockTracer(others.get_tracer("fleetwright"))
        elif target is not None:
            self._record_ours(environment, target, settings.trace_slow_seconds or None)

    def _record_ours(
        self, environment: Environment, target: Target, slow_seconds: float | None
    ) -> None:
        limits = _limits(environment, "BSP", 5000)
        join = partial(join_spans, self.resource)
        sending = Sending("spans", target)
        self.spans = Batches("spans", write_span, join, sending, limits)
        sampler = sampler_of(environment)
        tracer = Tracer(self.spans.put, sampler, slow_seconds=slow_seconds)
        _provider.tracer = tracer
        _context.sampler = sampler
        _spans.tracer = tracer
        if trace.get_tracer_provider() is not _provider:
            trace.set_tracer_provider(_provider)

    def record_metrics(self, environment: Environment, settings: Settings) -> None:
        """Count and measure from now on, where somebody wants to know."""
        target = environment.target("metrics")
        is_read = "prometheus" in environment.exporters("metrics")
        if settings.telemetry == "sdk":
            if target is not None:
                stock = stock_meters(self.said)
                self._stock.append(stock)
                metrics.set_meter_provider(stock)
            return
        if target is None and not is_read:
            return
        if not _meters.is_set:
            _meters.is_set = True
            metrics.set_meter_provider(_meters)
        if is_read:
            _exposed.text = lambda: exposition(_meters.all, self.said)
        if target is not None:
            seconds = environment.number("OTEL_METRIC_EXPORT_INTERVAL", 60_000) / 1000
            self._sending = Sending("metrics", target)
            self._reading = Clockwork("fleetwright-metrics", self.tell_metrics, seconds)
            self._reading.start()

    def export_lines(self, environment: Environment) -> None:
        """Send log lines from now on, where somebody wants them."""
        target = environment.target("logs")
        if target is None:
            return
        limits = _limits(environment, "BLRP", 1000)
        # Unlike spans, lines are written together: one among the rest of a request
        # costs more than one of many, and what waits is hardly more than texts.
        join, sending = partial(encode_lines, self.resource), Sending("logs", target)
        self.lines = Batches("logs", _as_it_is, join, sending, limits)
        put, now = self.lines.put, time.time_ns

        def export(
            level: str,
            event: str,
            fields: Mapping[str, Any],
            call: Call | None,
            took: float | None,
        ) -> None:
            put((now(), level, event, fields, call, took))

        _logs.exporting = export

    def tell_metrics(self) -> None:
        """Send what was counted and measured so far, now."""
        if self._sending is not None and self._reading is not None:
            body = encode_metrics(self.resource, _meters.all)
            self._sending.send(body, self._reading.stopping)

    def close(self) -> None:
        """Send what waits, for two seconds at most."""
        if self.spans is not None:
            self.spans.close(EXIT_SECONDS)
        if self._reading is not None and self._reading.stop(EXIT_SECONDS):
            assert self._sending is not None  # noqa: S101 - made together
            self._sending.close()
        if self.lines is not None:
            self.lines.close(EXIT_SECONDS)
        for one in self._stock:
            one.shutdown()


_telemetry: Telemetry | None = None


def _dropped(_: CallbackOptions) -> Iterable[Observation]:
    if _telemetry is not None:
        on_their_way = {"spans": _telemetry.spans, "logs": _telemetry.lines}
        for signal, batches in on_their_way.items():
            if batches is not None:
                yield Observation(batches.dropped, {"signal": signal})


_meters.get_meter("fleetwright").create_observable_counter(
    "fleetwright.telemetry.dropped",
    [_dropped],
    unit="{item}",
    description="What was told and is lost: no room, or not taken by the receiver.",
)


def set_up(
    service: str,
    settings: Settings,
    environment: Environment,
    *,
    service_version: str = "0",
) -> None:
    """Tell what happens in this process to whom the variables name.

    Args:
        service: The name of the service.
        settings: What it read from its environment.
        environment: What OpenTelemetry's own variables say.
        service_version: Which version of it runs.
    """
    global _telemetry
    said = {**environment.resource(service, service_version), **_of_process()}
    _telemetry = Telemetry(said)
    _otlp.forget_values()
    _answered.forget()
    _telemetry.record_spans(environment, settings)
    _telemetry.record_metrics(environment, settings)
    _telemetry.export_lines(environment)
    atexit.register(tear_down)


def _as_it_is(line: Line) -> Line:
    return line


def _limits(environment: Environment, of: str, milliseconds: float) -> Limits:
    """Return how much waits, and for how long, as the standard's variables say."""
    number = environment.number
    return Limits(
        int(number(f"OTEL_{of}_MAX_QUEUE_SIZE", 2048)),
        max(1, int(number(f"OTEL_{of}_MAX_EXPORT_BATCH_SIZE", 512))),
        number(f"OTEL_{of}_SCHEDULE_DELAY", milliseconds) / 1000,
    )


def _of_process() -> Mapping[str, str | int]:
    return {
        "service.instance.id": str(uuid4()),
        "host.name": socket.gethostname(),
        "process.pid": os.getpid(),
        "process.runtime.name": platform.python_implementation().lower(),
        "process.runtime.version": platform.python_version(),
        "telemetry.sdk.language": "python",
        "telemetry.sdk.name": "fleetwright",
        "telemetry.sdk.version": version("fleetwright"),
    }


def telemetry() -> Telemetry | None:
    """Return what was set up, or None."""
    return _telemetry


def tear_down() -> None:
    """Send what waits, and record nothing any more."""
    global _telemetry
    told, _telemetry = _telemetry, None
    _spans.tracer = _context.sampler = _provider.tracer = _exposed.text = None
    _logs.exporting = None
    if told is not None:
        told.close()
    atexit.unregister(tear_down)
