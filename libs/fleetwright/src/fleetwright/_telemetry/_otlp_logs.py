"""Log lines as OTLP has them: what was written, without being read again."""

import struct
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from fleetwright._answered import Answer
from fleetwright._context import Call
from fleetwright._telemetry._otlp import (
    any_value,
    attributes,
    field,
    number_head,
    request,
    short_text,
    text,
)

SCOPE: Final = ("fleetwright", "")
_SEVERITIES: Final = {"debug": 5, "info": 9, "warning": 13, "error": 17, "critical": 21}
_times = struct.Struct("<BQBQ").pack  # fields 1 and 11, each with its tag
_rest = struct.Struct("<dBQBQ2s16s2s8s").pack  # a float, these, and both ids
_NAMED: Final = {"exception": "exception.stacktrace", "logger": "logger.name"}


Line = tuple[int, str, str, Mapping[str, Any], Call | None, float | None]
"""A line that was logged: when, in nanoseconds since 1970, its level in lower case,
what happened, what else stands on it, its secrets masked, its call, and how many
milliseconds that took, if this is its canonical line."""


def encode_lines(resource: bytes, lines: Sequence[Line]) -> bytes:
    """Return an `ExportLogsServiceRequest`.

    Args:
        resource: An encoded `Resource`.
        lines: What was logged.
    """
    return request(resource, {SCOPE: [write_line(one) for one in lines]})


def write_line(line: Line) -> bytes:
    """Return a line as a field of its `ScopeLogs`.

    Args:
        line: What was logged.
    """
    at, level, event, fields, call, took = line
    if took is not None and isinstance(fields, Answer) and call is not None:
        return _canonical(at, call, fields, took)
    if not _NAMED.keys().isdisjoint(fields):
        fields = {_NAMED.get(name, name): value for name, value in fields.items()}
    parts = [_times(0x09, at, 0x59, at), _head(level, event), attributes(6, fields)]
    if call is not None:
        parts += (
            short_text(6, "call_id", call.id[:128]),
            b"\x4a\x10",
            bytes.fromhex(call.trace_id),
            b"\x52\x08",
            bytes.fromhex(call.span_id),
        )
    return field(2, b"".join(parts))


def _canonical(at: int, call: Call, answer: Answer, took: float) -> bytes:
    """Return the line of a call that is done: little of it is not known before."""
    ids = bytes.fromhex(call.trace_id + call.span_id)
    content = (
        (answer.sent or _remembered(answer))
        + _rest(took, 0x09, at, 0x59, at, b"\x4a\x10", ids[:16], b"\x52\x08", ids[16:])
        + short_text(6, "call_id", call.id)
    )
    return field(2, content)


def _remembered(answer: Answer) -> bytes:
    """Write what comes before how long it took, and keep it for the next one."""
    said = _head("info", "call.answered") + attributes(6, answer)
    answer.sent = said + number_head(6, "duration_ms")
    return answer.sent


@lru_cache(maxsize=1024)
def _head(level: str, event: str) -> bytes:
    severity = bytes((0x10, _SEVERITIES.get(level, 9)))
    return severity + text(3, level.upper()) + field(5, any_value(event))
