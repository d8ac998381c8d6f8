"""Metrics as OTLP has them; what is counted goes on from the start of the process."""

import struct
import time
from collections.abc import Iterable
from typing import Final

from fleetwright._telemetry._instruments import Cell, Instrument, Key
from fleetwright._telemetry._meter import Meter
from fleetwright._telemetry._otlp import (
    attributes,
    double,
    field,
    fixed64,
    request,
    signed64,
    text,
)

STARTED: Final = time.time_ns()
_CUMULATIVE: Final = b"\x10\x02"
_MONOTONIC: Final = b"\x18\x01"


def encode_metrics(resource: bytes, meters: Iterable[Meter]) -> bytes:
    """Return an `ExportMetricsServiceRequest`.

    Args:
        resource: An encoded `Resource`.
        meters: Whose instruments are told.
    """
    now = fixed64(time.time_ns())
    scopes = {}
    for meter in meters:
        told = [_metric(one, now) for one in tuple(meter.instruments.values())]
        scopes[meter.scope] = [field(2, metric) for metric in told if metric]
    return request(resource, {scope: told for scope, told in scopes.items() if told})


def _metric(one: Instrument, now: bytes) -> bytes:
    """Return one metric; nothing where it has no series yet."""
    times = b"\x11" + fixed64(STARTED) + b"\x19" + now
    head = text(1, one.name) + text(2, one.description) + text(3, one.unit)
    if one.kind == "histogram":
        cells = one.cells().items()
        points = [field(1, _cell(key, cell, one, times)) for key, cell in cells]
        return head + field(9, b"".join(points) + _CUMULATIVE) if points else b""
    numbers = one.numbers().items()
    points = [field(1, _number(key, number, times)) for key, number in numbers]
    if not points:
        return b""
    if one.kind == "gauge":
        return head + field(5, b"".join(points))
    monotonic = _MONOTONIC if one.kind == "counter" else b""
    return head + field(7, b"".join(points) + _CUMULATIVE + monotonic)


def _number(key: Key, number: float, times: bytes) -> bytes:
    value = b"\x31" + signed64(number) if isinstance(number, int) else b""
    return attributes(7, dict(key)) + times + (value or b"\x21" + double(number))


def _cell(key: Key, cell: Cell, one: Instrument, times: bytes) -> bytes:
    counts, bounds = cell.counts, one.bounds
    parts = [
        attributes(9, dict(key)),
        times,
        b"\x21" + fixed64(sum(counts)),
        b"\x29" + double(cell.total),
        field(6, struct.pack(f"<{len(counts)}Q", *counts)),
        field(7, struct.pack(f"<{len(bounds)}d", *bounds)),
        b"\x59" + double(cell.least),
        b"\x61" + double(cell.most),
    ]
    for value, at, trace_id, span_id in cell.exemplars.values():
        ids = field(4, bytes.fromhex(span_id)) + field(5, bytes.fromhex(trace_id))
        parts.append(field(8, b"\x11" + fixed64(at) + b"\x19" + double(value) + ids))
    return b"".join(parts)
