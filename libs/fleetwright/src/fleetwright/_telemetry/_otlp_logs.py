"""Log lines as OTLP has them: what was written, without being read again."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

from fleetwright._telemetry._otlp import (
    any_value,
    attributes,
    field,
    fixed64,
    request,
    text,
)

SCOPE: Final = ("fleetwright", "")
_SEVERITIES: Final = {"debug": 5, "info": 9, "warning": 13, "error": 17, "critical": 21}
_ELSEWHERE: Final = frozenset(
    ("time", "level", "event", "service", "trace_id", "span_id", "parent_span_id")
)
_NAMED: Final = {"exception": "exception.stacktrace", "logger": "logger.name"}


class Line(NamedTuple):
    """One line that was logged.

    Attributes:
        at: When, in nanoseconds since 1970.
        level: In lower case.
        fields: The whole line, its secrets masked.
    """

    at: int
    level: str
    fields: Mapping[str, Any]


def encode_logs(resource: bytes, lines: Iterable[Line]) -> bytes:
    """Return an `ExportLogsServiceRequest`.

    Args:
        resource: An encoded `Resource`.
        lines: What was logged.
    """
    return request(resource, {SCOPE: [field(2, _record(line)) for line in lines]})


def _record(line: Line) -> bytes:
    at, level, fields = line
    said = {
        _NAMED.get(name, name): value
        for name, value in fields.items()
        if name not in _ELSEWHERE and value is not None
    }
    moment = fixed64(at)
    head = _head(level, str(fields["event"]))
    parts = [b"\x09", moment, head, attributes(6, said), b"\x59", moment]
    trace_id, span_id = fields.get("trace_id"), fields.get("span_id")
    if isinstance(trace_id, str) and isinstance(span_id, str):
        parts += (b"\x4a\x10", bytes.fromhex(trace_id))
        parts += (b"\x52\x08", bytes.fromhex(span_id))
    return b"".join(parts)


@lru_cache(maxsize=1024)
def _head(level: str, event: str) -> bytes:
    severity = bytes((0x10, _SEVERITIES.get(level, 9)))
    return severity + text(3, level.upper()) + field(5, any_value(event))
