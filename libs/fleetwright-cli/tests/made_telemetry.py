"""Telemetry as services export it, made by hand, and the keys of a console."""

import random
import time

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from fleetwright_cli.console._access import WRITE_HEADER, Keys

KEYS = Keys(port=9400, token="t" * 43, otlp_key="k" * 43)
HOST = "127.0.0.1:9400"
ORIGIN = f"http://{HOST}"
OTLP = {"x-otlp-api-key": KEYS.otlp_key, "content-type": "application/x-protobuf"}
WRITES = {"origin": ORIGIN, WRITE_HEADER: "1"}
SERVER, CLIENT, PRODUCER, CONSUMER = (
    Span.SPAN_KIND_SERVER,
    Span.SPAN_KIND_CLIENT,
    Span.SPAN_KIND_PRODUCER,
    Span.SPAN_KIND_CONSUMER,
)
# What, whose, which side, inside which, from and to in milliseconds.
STORY = (
    ("POST /basket/order", "storefront", SERVER, None, 0, 486),
    ("POST /v1/orders", "storefront", CLIENT, 0, 4, 480),
    ("POST /v1/orders", "orders", SERVER, 1, 6, 478),
    ("POST /v1/quotes", "orders", CLIENT, 2, 11, 62),
    ("POST /v1/quotes", "catalog", SERVER, 3, 14, 58),
    ("Hold", "orders", CLIENT, 2, 66, 110),
    ("stock.v1.Stock/Hold", "stock", SERVER, 5, 70, 104),
    ("POST /v1/charges", "orders", CLIENT, 2, 118, 298),
    ("POST /v1/charges", "payments", SERVER, 7, 121, 296),
    ("POST /v1/charges", "orders", CLIENT, 2, 320, 456),
    ("POST /v1/charges", "payments", SERVER, 9, 324, 452),
    ("orders.placed publish", "orders", PRODUCER, 2, 458, 464),
    ("orders.placed process", "notifications", CONSUMER, 11, 466, 482),
)
FIRST_CHARGE = (7, 8)


def order(seed: int, at_ns: int, *, failed: bool = False) -> dict[str, list[Span]]:
    """Return the spans of one order by service.

    Args:
        seed: What ids and durations are drawn from.
        at_ns: When it was placed.
        failed: Whether its first charge failed.
    """
    rng = random.Random(seed)  # noqa: S311 - no secret
    trace_id = rng.randbytes(16)
    ids = [rng.randbytes(8) for _ in STORY]
    slow = rng.uniform(0.03, 0.2) * (5 if failed else 1)
    found: dict[str, list[Span]] = {}
    for number, (name, service, kind, inside, first, last) in enumerate(STORY):
        if number in FIRST_CHARGE and not failed:
            continue
        span = Span(
            trace_id=trace_id,
            span_id=ids[number],
            parent_span_id=b"" if inside is None else ids[inside],
            name=name,
            kind=kind,
            start_time_unix_nano=at_ns + int(first * slow * 1e6),
            end_time_unix_nano=at_ns + int(last * slow * 1e6),
        )
        span.attributes.add(key="http.route").value.string_value = name
        if number in FIRST_CHARGE:
            span.status.code = Status.STATUS_CODE_ERROR
            span.status.message = "DEADLINE_EXCEEDED"
        found.setdefault(service, []).append(span)
    return found


def traces_body(spans: dict[str, list[Span]]) -> bytes:
    """Return spans as the body of an export.

    Args:
        spans: By service.
    """
    request = ExportTraceServiceRequest()
    for service, those in spans.items():
        group = request.resource_spans.add()
        group.resource.attributes.add(key="service.name").value.string_value = service
        group.scope_spans.add().spans.extend(those)
    return request.SerializeToString()


def many_orders(count: int, *, seed: int = 1, seconds: float = 0.0) -> bytes:
    """Return an export of several orders, a twentieth of them with a failed charge.

    Args:
        count: How many.
        seed: What they are drawn from.
        seconds: Over how long they were placed, until now.
    """
    rng = random.Random(seed)  # noqa: S311 - no secret
    merged: dict[str, list[Span]] = {}
    now = time.time_ns()
    for number in range(count):
        at_ns = now - int(rng.random() * seconds * 1e9) - 600_000_000
        placed = order(rng.randrange(2**60), at_ns, failed=number % 20 == 7)
        for service, spans in placed.items():
            merged.setdefault(service, []).extend(spans)
    return traces_body(merged)


def logs_body(service: str, text: str, *, trace_id: bytes = b"") -> bytes:
    """Return one line as the body of an export.

    Args:
        service: Whose line.
        text: What it says.
        trace_id: The trace it belongs to.
    """
    request = ExportLogsServiceRequest()
    group = request.resource_logs.add()
    group.resource.attributes.add(key="service.name").value.string_value = service
    record = group.scope_logs.add().log_records.add(
        time_unix_nano=time.time_ns(), severity_number=17, trace_id=trace_id
    )
    record.body.string_value = text
    record.attributes.add(key="password").value.string_value = "canary-5150"
    return request.SerializeToString()


def metrics_body(service: str, *, value: float, at_ns: int) -> bytes:
    """Return a sum, a gauge and a histogram as the body of an export.

    Args:
        service: Whose.
        value: Of each.
        at_ns: When.
    """
    request = ExportMetricsServiceRequest()
    group = request.resource_metrics.add()
    group.resource.attributes.add(key="service.name").value.string_value = service
    metrics = group.scope_metrics.add().metrics
    calls = metrics.add(name="calls", unit="1").sum
    calls.is_monotonic = True
    calls.data_points.add(as_double=value, time_unix_nano=at_ns)
    metrics.add(name="pool.in_use", unit="1").gauge.data_points.add(
        as_int=int(value), time_unix_nano=at_ns
    )
    metrics.add(name="call.duration", unit="s").histogram.data_points.add(
        count=int(value),
        sum=value / 10,
        explicit_bounds=[0.1, 1.0],
        bucket_counts=[int(value), 0, 0],
        time_unix_nano=at_ns,
    )
    return request.SerializeToString()
