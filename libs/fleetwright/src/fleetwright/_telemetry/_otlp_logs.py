"""Log lines as OTLP has them: what was written, without being read again."""

import struct
import time
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from fleetwright._context import Call
from fleetwright._telemetry._otlp import (
    any_value,
    attributes,
    field,
    request,
    short_text,
    text,
)

SCOPE: Final = ("fleetwright", "")
_PIECE = 128  # written at a time: others may need the interpreter meanwhile
_SEVERITIES: Final = {"debug": 5, "info": 9, "warning": 13, "error": 17, "critical": 21}
_times = struct.Struct("<BQBQ").pack  # fields 1 and 11, each with its tag
_NAMED: Final = {"exception": "exception.stacktrace", "logger": "logger.name"}


Line = tuple[int, str, str, Mapping[str, Any], Call | None]
"""A line that was logged: when, in nanoseconds since 1970, its level in lower case,
what happened, what else stands on it, its secrets masked, and its call."""


def encode_lines(resource: bytes, lines: Sequence[Line]) -> bytes:
    """Return an `ExportLogsServiceRequest`.

    Args:
        resource: An encoded `Resource`.
        lines: What was logged.
    """
    written: list[bytes] = []
    for start in range(0, len(lines), _PIECE):
        written += [write_line(one) for one in lines[start : start + _PIECE]]
        time.sleep(0)  # gives the interpreter away, however little is asked for
    return request(resource, {SCOPE: written})


def write_line(line: Line) -> bytes:
    """Return a line as a field of its `ScopeLogs`.

    Args:
        line: What was logged.
    """
    at, level, event, fields, call = line
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


@lru_cache(maxsize=1024)
def _head(level: str, event: str) -> bytes:
    severity = bytes((0x10, _SEVERITIES.get(level, 9)))
    return severity + text(3, level.upper()) + field(5, any_value(event))
