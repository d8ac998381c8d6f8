"""What a policy says happened; one place counts and logs it."""

from collections.abc import Callable
from dataclasses import asdict, dataclass

import structlog
from opentelemetry import metrics

from fleetwright.errors import Reason
from fleetwright.resilience._policy import StoppedBy

log = structlog.get_logger()

_happened = metrics.get_meter("fleetwright").create_counter(
    "fleetwright.resilience.events",
    unit="{event}",
    description="What the policies of a pipeline did, by pipeline and outcome.",
)


@dataclass(frozen=True, slots=True)
class RetryScheduled:
    """An attempt failed and another one follows.

    Attributes:
        pipeline: The name of the pipeline.
        attempt: Number of the attempt that failed, from 1.
        delay_seconds: How long the pipeline waits before the next one.
        reason: Why the attempt brought no answer that counts.
    """

    pipeline: str
    attempt: int
    delay_seconds: float
    reason: Reason


@dataclass(frozen=True, slots=True)
class RetryStopped:
    """An attempt failed and the caller gets its failure.

    Attributes:
        pipeline: The name of the pipeline.
        attempts: How many attempts were made.
        by: What ended the call.
        reason: Why the last attempt brought no answer that counts.
    """

    pipeline: str
    attempts: int
    by: StoppedBy
    reason: Reason


@dataclass(frozen=True, slots=True)
class TimedOut:
    """A limit of the pipeline cut an attempt.

    Attributes:
        pipeline: The name of the pipeline.
        scope: `attempt` for the limit of one attempt, `total` for the whole call.
        attempt: Number of the attempt that was cut, from 1.
    """

    pipeline: str
    scope: str
    attempt: int


PolicyEvent = RetryScheduled | RetryStopped | TimedOut
Listener = Callable[[PolicyEvent], None]

_WORDS = {
    RetryScheduled: "retry.scheduled",
    RetryStopped: "retry.stopped",
    TimedOut: "attempt.timed_out",
}


def report(event: PolicyEvent, listener: Listener | None = None) -> None:
    """Count, log and hand on what happened.

    Args:
        event: What happened.
        listener: Who else wants to know; when it raises, that is logged and changes
            nothing for the call.
    """
    words = _WORDS[type(event)]
    fields = asdict(event)
    _happened.add(1, {"pipeline": event.pipeline, "outcome": _outcome(event)})
    level = log.warning if isinstance(event, RetryStopped) else log.info
    level(words, **fields)
    if listener is None:
        return
    try:
        listener(event)
    except Exception:
        log.exception("listener.failed", pipeline=event.pipeline, told=words)


def _outcome(event: PolicyEvent) -> str:
    if isinstance(event, RetryScheduled):
        return "retry_scheduled"
    if isinstance(event, RetryStopped):
        return f"retry_stopped_by_{event.by}"
    return f"timeout_{event.scope}"
