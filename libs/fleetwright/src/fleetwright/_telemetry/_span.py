"""Span: what OpenTelemetry's API knows of one, at the price of a small object.

Nothing is made ready for the wire here: whoever sends spans does that, later and
elsewhere. A span is written by one task at a time, as the work it stands for is.
"""

import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from opentelemetry import trace
from opentelemetry.trace import (
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    TraceState,
)

MOST: Final = 128  # attributes, events and links of one span, as the standard has it
_MOST_WAITING = 512  # spans of one trace that may be wanted yet
_RECORDED, _NOT_RECORDED = TraceFlags(3), TraceFlags(2)  # the id is random: level 2
_UNSET, _ERROR = StatusCode.UNSET, StatusCode.ERROR  # looked up once: an Enum is slow
_now = time.time_ns  # not the Clock: spans are compared with those of other machines


class Trail:
    """What the spans of one trace share within one process.

    The spans of a trace that was not drawn wait here for its first one to end: they are
    kept when that failed or was slow, and forgotten otherwise.

    Attributes:
        id: The trace, 32 hexadecimal digits.
        keep: Takes a span that is to be sent.
        is_drawn: Whether the sampler has chosen the trace.
        is_kept: Whether its spans are sent as they end.
        is_random: Whether the id was made at random.
        state: The `tracestate` that goes with it.
        first: Of a trace that was not drawn, the span that decides for the others.
    """

    __slots__ = (
        "_slow_ns",
        "_waiting",
        "first",
        "id",
        "is_drawn",
        "is_kept",
        "is_random",
        "keep",
        "state",
    )

    def __init__(
        self, id: str, keep: Callable[["Span"], None], slow_ns: int, is_drawn: bool
    ) -> None:
        """Begin without spans.

        Args:
            id: The trace.
            keep: Takes a span that is to be sent.
            slow_ns: How long the first span takes at least to be kept anyway.
            is_drawn: Whether the sampler has chosen the trace.
        """
        self.id = id
        self.keep = keep
        self.is_drawn = self.is_kept = is_drawn
        self.is_random = True
        self.state = ""
        self.first: Span | None = None
        self._slow_ns = slow_ns
        self._waiting: list[Span] | None = None

    def are_wanted(self, first: "Span", at: int) -> bool:
        """Return whether the spans are sent: those that wait are, or are forgotten.

        Args:
            first: The span that decides; its status is known.
            at: When it ends, in nanoseconds since 1970.
        """
        self.first = None  # no cycle is left for the collector of garbage
        self.is_kept = first.status is _ERROR or at - first.begun >= self._slow_ns
        waiting, self._waiting = self._waiting, None
        if self.is_kept and waiting:
            for one in waiting:
                self.keep(one)
        return self.is_kept

    def waits(self, span: "Span") -> None:
        """Have a span wait that has ended; with the first one all are sent, or none."""
        if span is self.first:
            if self.are_wanted(span, span.ended):
                self.keep(span)
        elif self.first is None:
            return  # what ends after the first is not wanted either
        elif self._waiting is None:
            self._waiting = [span]
        elif len(self._waiting) < _MOST_WAITING:
            self._waiting.append(span)


class Span(trace.Span):
    """One span that is being recorded.

    Attributes:
        name: What happened.
        kind: What it is to the others of the trace.
        trail: The trace it belongs to.
        id: The span, 16 hexadecimal digits.
        parent: The span it belongs to; None for the first of a trace.
        is_remote: Whether that one is of another process.
        scope: Who made the span.
        begun: When, in nanoseconds since 1970.
        ended: When; 0 while it has not.
        attributes: What is known of it.
        events: What happened in it: name, attributes, when.
        links: Other spans that belong to it.
        status: Whether it went well; UNSET for nobody said.
        said: Why it did not go well.
    """

    # What most spans never have is the class's: each that is set costs.
    is_remote = False
    events: list[tuple[str, Mapping[str, Any] | None, int]] | None = None
    links: list[tuple[SpanContext, Mapping[str, Any] | None]] | None = None
    status = _UNSET
    said = ""
    ended = 0
    _context: SpanContext | None = None

    # All in order, as names cost a dictionary a span.
    def __init__(
        self,
        name: str,
        kind: SpanKind,
        place: tuple[Trail, str, str | None],
        scope: tuple[str, str],
        attributes: dict[str, Any],
    ) -> None:
        """Begin now.

        Args:
            name: What happens.
            kind: What it is to the others of the trace.
            place: The trace, the span's own id, and its parent.
            scope: Who makes the span.
            attributes: What is known of it; it is the span's from now on.
        """
        self.name = name
        self.kind = kind
        self.trail, self.id, self.parent = place
        self.scope = scope
        self.attributes = attributes
        self.begun = _now()

    @property
    def traceparent(self) -> str:
        """The W3C header for what it causes elsewhere."""
        trail = self.trail
        flags = trail.is_drawn + 2 * trail.is_random
        return f"00-{trail.id}-{self.id}-{flags:02x}"

    def get_span_context(self) -> SpanContext:
        """Return what others need to know of it."""
        if self._context is None:
            trail = self.trail
            flags = _RECORDED if trail.is_drawn else _NOT_RECORDED
            self._context = SpanContext(
                int(trail.id, 16),
                int(self.id, 16),
                is_remote=False,
                trace_flags=flags if trail.is_random else TraceFlags(flags & 1),
                trace_state=TraceState.from_header([trail.state]),
            )
        return self._context

    def is_recording(self) -> bool:
        """Return whether it has not ended yet."""
        return not self.ended

    def set_attribute(self, key: str, value: Any) -> None:
        """Say one thing of it."""
        if not self.ended and (len(self.attributes) < MOST or key in self.attributes):
            self.attributes[key] = value

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        """Say several things of it."""
        if len(self.attributes) + len(attributes) <= MOST:
            if not self.ended:
                self.attributes.update(attributes)
            return
        for key, value in attributes.items():
            self.set_attribute(key, value)

    def add_event(
        self,
        name: str,
        attributes: Mapping[str, Any] | None = None,
        timestamp: int | None = None,
    ) -> None:
        """Say that something happened in it."""
        if self.ended:
            return
        if self.events is None:
            self.events = []
        if len(self.events) < MOST:
            self.events.append((name, attributes, timestamp or _now()))

    def add_link(
        self, context: SpanContext, attributes: Mapping[str, Any] | None = None
    ) -> None:
        """Say that another span belongs to it."""
        if self.ended or not context.is_valid:
            return
        if self.links is None:
            self.links = []
        if len(self.links) < MOST:
            self.links.append((context, attributes))

    def link_all(self, links: Sequence[trace.Link] | None) -> None:
        """Say that other spans belong to it."""
        for link in links or ():
            self.add_link(link.context, link.attributes)

    def update_name(self, name: str) -> None:
        """Call it something else."""
        if not self.ended:
            self.name = name

    def set_status(
        self, status: Status | StatusCode, description: str | None = None
    ) -> None:
        """Say whether it went well; once it is said to be OK it stays so."""
        if isinstance(status, Status):
            code, description = status.status_code, status.description
        else:
            code = status
        if self.ended or self.status is StatusCode.OK or code is StatusCode.UNSET:
            return
        self.status = code
        self.said = description or "" if code is StatusCode.ERROR else ""

    def record_exception(
        self,
        exception: BaseException,
        attributes: Mapping[str, Any] | None = None,
        timestamp: int | None = None,
        escaped: bool = False,
    ) -> None:
        """Say that an error was raised in it."""
        kind = type(exception)
        module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
        said = {
            "exception.type": f"{module}{kind.__qualname__}",
            "exception.message": str(exception),
            "exception.stacktrace": "".join(traceback.format_exception(exception)),
        }
        self.add_event("exception", said | dict(attributes or {}), timestamp)

    def end(self, end_time: int | None = None) -> None:
        """End now; only the first time counts."""
        if not self.ended:
            self.ended = end_time or _now()
            trail = self.trail
            if trail.is_kept:
                trail.keep(self)
            else:
                trail.waits(self)

    def __exit__(self, kind: Any, error: BaseException | None, where: Any) -> None:
        """End, with the error that ended it."""
        if isinstance(error, Exception):
            self.record_exception(error)
            self.set_status(StatusCode.ERROR, f"{type(error).__name__}: {error}")
        self.end()
