"""OTLP's protobuf to rows, and the parts of a kept span that a page shows."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from fleetwright_cli.console._masks import masked, masked_text
from fleetwright_cli.console._rows import OUTGOING, LogRow, PointRow, SpanRow

LONGEST_NAME = 300
LONGEST_LINE = 16_384
DEEPEST = 8
PEERS = ("peer.service", "service.peer.name", "rpc.peer")
DATABASES = ("db.system.name", "db.system")
PROBES = frozenset({"/livez", "/readyz", "/startupz", "/metrics", "/info"})


class BrokenError(ValueError):
    """A body that is not what it says to be."""


def spans(body: bytes) -> list[SpanRow]:
    """Return the spans of an ExportTraceServiceRequest; probes are left out.

    Args:
        body: Protobuf bytes.

    Raises:
        BrokenError: It is no such message.
    """
    request = ExportTraceServiceRequest()
    _parse(request, body)
    return [
        _span(service, span)
        for group in request.resource_spans
        for service in (_service(group.resource),)
        for scope in group.scope_spans
        for span in scope.spans
        if span.trace_id and span.span_id and not _is_probe(span.name)
    ]


def _parse(message: Any, body: bytes) -> None:
    try:
        message.ParseFromString(body)
    except (DecodeError, ValueError) as error:
        raise BrokenError("the body is no OTLP protobuf") from error


def _service(resource: Resource) -> str:
    """Return whose a group of rows is."""
    for pair in resource.attributes:
        if pair.key == "service.name":
            return pair.value.string_value[:LONGEST_NAME] or "unknown"
    return "unknown"


def _is_probe(name: str) -> bool:
    return name.rpartition(" ")[2] in PROBES


def _span(service: str, span: Span) -> SpanRow:
    duration = span.end_time_unix_nano - span.start_time_unix_nano
    peer = _peer(span.attributes) if int(span.kind) in OUTGOING else ""
    return SpanRow(
        trace_id=span.trace_id,
        span_id=span.span_id,
        parent_id=span.parent_span_id,
        service=service,
        name=span.name[:LONGEST_NAME],
        kind=span.kind,
        start_ns=_whole(span.start_time_unix_nano),
        duration_ns=max(0, _whole(duration)),
        status=span.status.code,
        peer=peer,
        raw=span.SerializeToString(),
    )


def _whole(number: int) -> int:
    """Return a number of which a database can keep the sum of two."""
    return min(number, 2**62)


def _peer(attributes: Iterable[KeyValue]) -> str:
    """Return whom a call went to, where its span says so."""
    database = ""
    for pair in attributes:
        if pair.key in PEERS:
            return str(pair.value.string_value)
        if pair.key in DATABASES:
            database = pair.value.string_value
    return database


def logs(body: bytes) -> list[LogRow]:
    """Return the lines of an ExportLogsServiceRequest.

    Args:
        body: Protobuf bytes.

    Raises:
        BrokenError: It is no such message.
    """
    request = ExportLogsServiceRequest()
    _parse(request, body)
    found = []
    for group in request.resource_logs:
        service = _service(group.resource)
        for record in (it for scope in group.scope_logs for it in scope.log_records):
            at_ns = record.time_unix_nano or record.observed_time_unix_nano
            event = value_of(record.body)
            text = event if isinstance(event, str) else json.dumps(event)
            fields = attributes_of(record.attributes)
            found.append(
                LogRow(
                    at_ns=_whole(at_ns),
                    service=service,
                    level=_level(record.severity_number),
                    event=masked_text(text[:LONGEST_LINE]),
                    fields=json.dumps(fields)[:LONGEST_LINE] if fields else "",
                    trace_id=record.trace_id.hex(),
                    span_id=record.span_id.hex(),
                )
            )
    return found


def _level(severity: int) -> int:
    """Return OpenTelemetry's 1 to 24 as Python's 10 to 50; 20 where none is said."""
    return 20 if severity <= 0 else min(50, max(10, (severity + 3) // 4 * 10 - 10))


def points(body: bytes) -> list[PointRow]:
    """Return the points of an ExportMetricsServiceRequest.

    Args:
        body: Protobuf bytes.

    Raises:
        BrokenError: It is no such message.
    """
    request = ExportMetricsServiceRequest()
    _parse(request, body)
    return [
        point
        for group in request.resource_metrics
        for service in (_service(group.resource),)
        for scope in group.scope_metrics
        for metric in scope.metrics
        for point in _points(service, metric)
    ]


def _points(service: str, metric: Metric) -> Iterator[PointRow]:
    kind = metric.WhichOneof("data")
    name, unit = metric.name[:LONGEST_NAME], metric.unit[:LONGEST_NAME]
    if kind == "histogram":
        for point in metric.histogram.data_points:
            shape = [list(point.explicit_bounds), list(point.bucket_counts)]
            yield PointRow(
                service,
                name,
                unit,
                kind,
                _key(point.attributes),
                _whole(point.time_unix_nano),
                point.sum,
                _whole(point.count),
                json.dumps(shape),
            )
    elif kind in ("sum", "gauge"):
        # What goes up and down is looked at as it is, not as what was added.
        shown = kind if kind == "sum" and metric.sum.is_monotonic else "gauge"
        for number in getattr(metric, kind).data_points:
            value = number.as_double or float(number.as_int)
            at_ns = _whole(number.time_unix_nano)
            key = _key(number.attributes)
            yield PointRow(service, name, unit, shown, key, at_ns, value)


def _key(attributes: Iterable[KeyValue]) -> str:
    return json.dumps(attributes_of(attributes), sort_keys=True)[:LONGEST_LINE]


def attributes_of(pairs: Iterable[KeyValue]) -> dict[str, Any]:
    """Return attributes as JSON-ready values, secrets masked.

    Args:
        pairs: As they are in the message.
    """
    return {
        pair.key[:LONGEST_NAME]: masked(pair.key, value_of(pair.value))
        for pair in pairs
    }


def value_of(value: AnyValue, depth: int = 0) -> Any:
    """Return one value as JSON-ready.

    Args:
        value: As it is in the message.
        depth: How deep it lies in others; too deep is cut off.
    """
    kind = value.WhichOneof("value")
    if kind is None or depth > DEEPEST:
        return None
    if kind == "array_value":
        return [value_of(each, depth + 1) for each in value.array_value.values]
    if kind == "kvlist_value":
        pairs = value.kvlist_value.values
        return {pair.key: value_of(pair.value, depth + 1) for pair in pairs}
    found = getattr(value, kind)
    if isinstance(found, bytes):
        return found.hex()
    return found[:LONGEST_LINE] if isinstance(found, str) else found


def details(raw: bytes) -> dict[str, Any]:
    """Return what a kept span says beside what is looked for.

    Args:
        raw: The span's own bytes.

    Returns:
        `attributes`, `events` (name, at_ns, attributes), `links` and `message`.
    """
    span = Span.FromString(raw)
    return {
        "attributes": attributes_of(span.attributes),
        "events": [
            {
                "name": event.name,
                "at_ns": event.time_unix_nano,
                "attributes": attributes_of(event.attributes),
            }
            for event in span.events
        ],
        "links": [link.trace_id.hex() for link in span.links],
        "message": masked_text(span.status.message),
    }
