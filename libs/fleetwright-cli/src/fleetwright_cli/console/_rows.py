"""What is kept: spans, log lines, points of metrics and changes of state."""

from dataclasses import dataclass
from enum import IntEnum

BUCKETS_MS = (1, 2, 3, 5, 8, 12, 20, 30, 50, 80, 120, 200, 300, 500, 800, 1200, 2000)
"""Upper bounds of the durations that are counted together; beyond the last is one."""


class Kind(IntEnum):
    """Which side of a call a span tells of, as OpenTelemetry numbers it."""

    UNSPECIFIED = 0
    INTERNAL = 1
    SERVER = 2
    CLIENT = 3
    PRODUCER = 4
    CONSUMER = 5


OUTGOING = frozenset({Kind.CLIENT, Kind.PRODUCER})
INCOMING = frozenset({Kind.SERVER, Kind.CONSUMER})
FAILED = 2  # the status of a span that tells of an error


@dataclass(slots=True)
class SpanRow:
    """One span: what is looked for, and the whole of it as it came.

    Attributes:
        trace_id: Its trace.
        span_id: Itself.
        parent_id: What it is a part of; empty for the first.
        service: Who did it.
        name: What was done.
        kind: Which side of a call.
        start_ns: When it began, in nanoseconds since 1970.
        duration_ns: How long it took.
        status: 0 unset, 1 well, 2 failed.
        peer: Whom a call went to, where the span says it; empty otherwise.
        raw: The span's own protobuf bytes.
    """

    trace_id: bytes
    span_id: bytes
    parent_id: bytes
    service: str
    name: str
    kind: int
    start_ns: int
    duration_ns: int
    status: int
    peer: str
    raw: bytes


@dataclass(frozen=True, slots=True)
class LogRow:
    """One line that a service wrote.

    Attributes:
        at_ns: When, in nanoseconds since 1970.
        service: Who.
        level: 10 debug, 20 info, 30 warning, 40 error, 50 critical.
        event: What happened, in words.
        fields: The other fields as JSON; empty when there are none.
        trace_id: The trace it belongs to, in hexadecimal digits; empty for none.
        span_id: The span, likewise.
    """

    at_ns: int
    service: str
    level: int
    event: str
    fields: str
    trace_id: str
    span_id: str


@dataclass(frozen=True, slots=True)
class PointRow:
    """One point of one series of a metric.

    Attributes:
        service: Whose.
        name: Of the metric.
        unit: In which it is counted.
        kind: `sum`, `gauge` or `histogram`.
        attributes: What tells its series from others, as JSON.
        at_ns: When.
        value: The value; of a histogram the sum.
        count: How many were measured; None where there is no histogram.
        buckets: Bounds and counts of a histogram as JSON; empty otherwise.
    """

    service: str
    name: str
    unit: str
    kind: str
    attributes: str
    at_ns: int
    value: float
    count: int | None = None
    buckets: str = ""


@dataclass(frozen=True, slots=True)
class EventRow:
    """A change of a process, or what a person had done.

    Attributes:
        at_ns: When.
        resource: Which process.
        state: What it became, or what was done.
        reason: Why; empty when all is well.
        facts: All that is known of it, as JSON.
    """

    at_ns: int
    resource: str
    state: str
    reason: str
    facts: str


@dataclass(frozen=True, slots=True)
class PlaceRow:
    """How far a file has been read whose rows came before this one.

    Attributes:
        path: Of the file.
        inode: Which file that was.
        offset: In bytes.
    """

    path: str
    inode: int
    offset: int


Row = SpanRow | LogRow | PointRow | EventRow | PlaceRow


def bucket_of(duration_ns: int) -> int:
    """Return which of `BUCKETS_MS` a duration falls into; its length for none.

    Args:
        duration_ns: In nanoseconds.
    """
    milliseconds = duration_ns / 1e6
    for number, bound in enumerate(BUCKETS_MS):
        if milliseconds <= bound:
            return number
    return len(BUCKETS_MS)
