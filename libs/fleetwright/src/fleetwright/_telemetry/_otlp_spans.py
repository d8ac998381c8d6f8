"""Spans as OTLP has them."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from opentelemetry.trace import SpanKind, StatusCode

from fleetwright._secrets import mask
from fleetwright._telemetry._otlp import attributes, field, fixed64, request, text
from fleetwright._telemetry._span import Span

_KINDS: Final = {kind: bytes((0x30, kind.value + 1)) for kind in SpanKind}
_CODES: Final = {
    code: b"" if code is StatusCode.UNSET else bytes((0x18, code.value))
    for code in StatusCode
}
_FLAGS: Final = b"\x85\x01"  # field 16, four bytes
_LOCAL, _REMOTE = 0x100, 0x300  # it is known whether the parent is of another process


def encode_spans(resource: bytes, spans: Iterable[Span]) -> bytes:
    """Return an `ExportTraceServiceRequest`.

    Args:
        resource: An encoded `Resource`.
        spans: Which have ended.
    """
    scopes: dict[tuple[str, str], list[bytes]] = {}
    for span in spans:
        scopes.setdefault(span.scope, []).append(_span(span))
    return request(resource, scopes)


@lru_cache(maxsize=1024)
def _name(name: str) -> bytes:
    return text(5, mask(name))


def _span(span: Span) -> bytes:
    trail = span.trail
    parts = [b"\x0a\x10", bytes.fromhex(trail.id), b"\x12\x08", bytes.fromhex(span.id)]
    if trail.state:
        parts.append(text(3, trail.state))
    if span.parent is not None:
        parts += (b"\x22\x08", bytes.fromhex(span.parent))
    parts += (
        _name(span.name),
        _KINDS[span.kind],
        b"\x39",
        fixed64(span.begun),
        b"\x41",
        fixed64(span.ended),
    )
    if span.attributes:
        parts.append(attributes(9, span.attributes))
    if span.events is not None:
        for name, said, at in span.events:
            told = b"\x09" + fixed64(at) + text(2, mask(name))
            parts.append(field(11, told + attributes(3, said) if said else told))
    if span.links is not None:
        for context, said in span.links:
            linked = b"\x0a\x10" + context.trace_id.to_bytes(16, "big")
            linked += b"\x12\x08" + context.span_id.to_bytes(8, "big")
            parts.append(field(13, linked + attributes(4, said or {})))
    if span.status is not StatusCode.UNSET:
        words = text(2, mask(span.said)) if span.said else b""
        parts.append(field(15, words + _CODES[span.status]))
    flags = (_REMOTE if span.is_remote else _LOCAL) | trail.is_drawn
    flags |= trail.is_random << 1
    parts += (_FLAGS, flags.to_bytes(4, "little"))
    return field(2, b"".join(parts))
