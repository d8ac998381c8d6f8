"""Spans as OTLP has them."""

import struct
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from opentelemetry.trace import SpanKind, StatusCode

from fleetwright._secrets import mask
from fleetwright._telemetry._otlp import attributes, field, fixed64, request, text
from fleetwright._telemetry._span import Span

Written = tuple[tuple[str, str], bytes]
"""Who made a span, and the span as a field of its `ScopeSpans`."""

_UNSET = StatusCode.UNSET
_CODES: Final = {
    code: b"" if code is StatusCode.UNSET else bytes((0x18, code.value))
    for code in StatusCode
}
_LOCAL, _REMOTE = 0x100, 0x300  # it is known whether the parent is of another process
# By whether the parent is remote, the trace was drawn, its id is random: field 16.
_FLAGS: Final = {
    (is_remote, is_drawn, is_random): b"\x85\x01"
    + ((_REMOTE if is_remote else _LOCAL) | is_drawn | is_random << 1).to_bytes(
        4, "little"
    )
    for is_remote in (False, True)
    for is_drawn in (False, True)
    for is_random in (False, True)
}
_times = struct.Struct("<BQBQ").pack  # fields 7 and 8, each with its tag


def join_spans(resource: bytes, spans: Iterable[Written]) -> bytes:
    """Return an `ExportTraceServiceRequest`.

    Args:
        resource: An encoded `Resource`.
        spans: Written ones.
    """
    scopes: dict[tuple[str, str], list[bytes]] = {}
    for scope, span in spans:
        scopes.setdefault(scope, []).append(span)
    return request(resource, scopes)


@lru_cache(maxsize=1024)
def _head(name: str, kind: SpanKind) -> bytes:
    return text(5, mask(name)) + bytes((0x30, kind.value + 1))


def write_span(span: Span) -> Written:
    """Return a span that has ended as it is sent.

    Args:
        span: The span.
    """
    trail, unhex = span.trail, bytes.fromhex
    parts = [b"\x0a\x10", unhex(trail.id), b"\x12\x08", unhex(span.id)]
    if span.parent is not None:
        parts += (b"\x22\x08", unhex(span.parent))
    parts += (
        _head(span.name, span.kind),
        _times(0x39, span.begun, 0x41, span.ended),
        attributes(9, span.attributes),
        _FLAGS[span.is_remote, trail.is_drawn, trail.is_random],
    )
    if trail.state:
        parts.append(text(3, trail.state))
    if span.events is not None:
        for name, said, at in span.events:
            told = b"\x09" + fixed64(at) + text(2, mask(name))
            parts.append(field(11, told + attributes(3, said) if said else told))
    if span.links is not None:
        for context, said in span.links:
            linked = b"\x0a\x10" + context.trace_id.to_bytes(16, "big")
            linked += b"\x12\x08" + context.span_id.to_bytes(8, "big")
            parts.append(field(13, linked + attributes(4, said or {})))
    if span.status is not _UNSET:
        words = text(2, mask(span.said)) if span.said else b""
        parts.append(field(15, words + _CODES[span.status]))
    return span.scope, field(2, b"".join(parts))
