"""What policies do is seen: in the span, in the log, by the listener."""

from collections.abc import Mapping
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.trace import INVALID_SPAN_CONTEXT, NonRecordingSpan
from structlog.testing import capture_logs

from fleetwright.errors import Unavailable
from fleetwright.resilience import (
    CircuitBreaker,
    Pipeline,
    PolicyEvent,
    Retry,
    Timeout,
    _events,
)
from fleetwright.testing import FakeClock


class SeenSpan(NonRecordingSpan):
    """A span that keeps the events it is given.

    Attributes:
        events: Names and attributes, in order.
    """

    def __init__(self) -> None:
        """Start without events."""
        super().__init__(INVALID_SPAN_CONTEXT)
        self.events: list[tuple[str, Mapping[str, Any]]] = []

    def is_recording(self) -> bool:
        """Say that events are wanted."""
        return True

    def add_event(
        self, name: str, attributes: Any = None, timestamp: int | None = None
    ) -> None:
        """Keep an event."""
        self.events.append((name, attributes))


@pytest.fixture(autouse=True)
def _afresh() -> None:
    """Give a world in which nothing was rejected before."""
    _events._last_logged.clear()


async def _down() -> None:
    raise Unavailable("down", reason="status", status=503)


def guarded(told: list[PolicyEvent] | None = None) -> Pipeline:
    """Return a pipeline that opens after two failures."""
    return Pipeline(
        "shelf",
        Timeout(2.0),
        Retry(2, first_seconds=0.001, longest_seconds=0.001),
        CircuitBreaker(consecutive_failures=2),
        listener=None if told is None else told.append,
    )


async def test_span_of_the_call_says_what_happened(clock: FakeClock) -> None:
    """A retry, the circuit, the end; each with pipeline and outcome."""
    span = SeenSpan()

    with trace.use_span(span), pytest.raises(Unavailable):
        await guarded().run(_down)

    assert span.events == [
        ("retry.scheduled", {"pipeline": "shelf", "outcome": "retry_scheduled"}),
        ("breaker.changed", {"pipeline": "shelf", "outcome": "breaker_open"}),
        (
            "retry.stopped",
            {"pipeline": "shelf", "outcome": "retry_stopped_by_attempts"},
        ),
    ]


async def test_call_that_is_answered_says_nothing(clock: FakeClock) -> None:
    """No event, no line: the common case costs nothing."""
    span, told = SeenSpan(), list[PolicyEvent]()

    async def answer() -> None:
        """Answer at once."""

    with trace.use_span(span), capture_logs() as lines:
        await guarded(told).run(answer)

    assert (span.events, told, lines) == ([], [], [])


async def test_outage_is_not_written_out_line_by_line(clock: FakeClock) -> None:
    """Of a thousand rejections in two seconds two are logged, all are told."""
    told: list[PolicyEvent] = []
    pipeline = guarded(told)
    with pytest.raises(Unavailable):
        await pipeline.run(_down)
    told.clear()

    with capture_logs() as lines:
        for _ in range(1_000):
            with pytest.raises(Unavailable):
                await pipeline.run(_down)
            clock.advance(0.002)

    rejected = [line for line in lines if line["event"] == "attempt.rejected"]
    assert len(told) == 1_000
    assert [line["unlogged"] for line in rejected] == [0, 499]
    assert rejected[0]["by"] == "breaker"
