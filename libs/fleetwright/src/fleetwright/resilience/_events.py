"""What a policy says happened; one place counts and logs it."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import ClassVar, Literal

import structlog
from opentelemetry import metrics, trace

from fleetwright._clock import clock
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

    words: ClassVar[str] = "retry.scheduled"
    level: ClassVar[str] = "info"
    pipeline: str
    attempt: int
    delay_seconds: float
    reason: Reason

    @property
    def outcome(self) -> str:
        """How the event is counted."""
        return "retry_scheduled"


@dataclass(frozen=True, slots=True)
class RetryStopped:
    """An attempt failed and the caller gets its failure.

    Attributes:
        pipeline: The name of the pipeline.
        attempts: How many attempts were made.
        by: What ended the call.
        reason: Why the last attempt brought no answer that counts.
    """

    words: ClassVar[str] = "retry.stopped"
    level: ClassVar[str] = "warning"
    pipeline: str
    attempts: int
    by: StoppedBy
    reason: Reason

    @property
    def outcome(self) -> str:
        """How the event is counted."""
        return f"retry_stopped_by_{self.by}"


@dataclass(frozen=True, slots=True)
class TimedOut:
    """A limit of the pipeline cut an attempt.

    Attributes:
        pipeline: The name of the pipeline.
        scope: `attempt` for the limit of one attempt, `total` for the whole call.
        attempt: Number of the attempt that was cut, from 1.
    """

    words: ClassVar[str] = "attempt.timed_out"
    level: ClassVar[str] = "info"
    pipeline: str
    scope: str
    attempt: int

    @property
    def outcome(self) -> str:
        """How the event is counted."""
        return f"timeout_{self.scope}"


@dataclass(frozen=True, slots=True)
class BreakerChanged:
    """A circuit breaker changed its state.

    Attributes:
        pipeline: The name of the pipeline.
        from_state: The state before.
        to_state: The state now.
        epoch: Number of the change, from 1.
    """

    words: ClassVar[str] = "breaker.changed"
    level: ClassVar[str] = "warning"
    pipeline: str
    from_state: str
    to_state: str
    epoch: int

    @property
    def outcome(self) -> str:
        """How the event is counted."""
        return f"breaker_{self.to_state}"


@dataclass(frozen=True, slots=True)
class CallRejected:
    """A policy refused an attempt; nothing was sent.

    Attributes:
        pipeline: The name of the pipeline.
        by: The policy: breaker, bulkhead or throttle.
        attempt: Number of the attempt that was refused, from 1.
    """

    words: ClassVar[str] = "attempt.rejected"
    level: ClassVar[str] = "warning"
    pipeline: str
    by: Literal["breaker", "bulkhead", "throttle"]
    attempt: int

    @property
    def outcome(self) -> str:
        """How the event is counted."""
        return f"rejected_by_{self.by}"


@dataclass(frozen=True, slots=True)
class Hedged:
    """A second attempt was made without waiting for the end of the first.

    Attributes:
        pipeline: The name of the pipeline.
        won: Number of the attempt that decided the call, from 1.
    """

    words: ClassVar[str] = "call.hedged"
    level: ClassVar[str] = "info"
    pipeline: str
    won: int

    @property
    def outcome(self) -> str:
        """How the event is counted."""
        return f"hedge_won_by_{self.won}"


@dataclass(frozen=True, slots=True)
class AnswerUnreadable:
    """A provider answered what its contract does not say; no outage, but a mistake.

    Attributes:
        pipeline: The name of the pipeline.
        attempt: Number of the attempt, from 1.
    """

    words: ClassVar[str] = "answer.unreadable"
    level: ClassVar[str] = "warning"
    pipeline: str
    attempt: int

    @property
    def outcome(self) -> str:
        """How the event is counted."""
        return "answer_unreadable"


@dataclass(frozen=True, slots=True)
class FellBack:
    """A remembered answer was given instead of a new one.

    Attributes:
        pipeline: The name of what is remembered.
        age_seconds: How old the answer is.
        reason: Why there is no new one.
    """

    words: ClassVar[str] = "answer.remembered"
    level: ClassVar[str] = "warning"
    pipeline: str
    age_seconds: float
    reason: Reason

    @property
    def outcome(self) -> str:
        """How the event is counted."""
        return "fallback"


PolicyEvent = (
    RetryScheduled
    | RetryStopped
    | TimedOut
    | BreakerChanged
    | CallRejected
    | Hedged
    | AnswerUnreadable
    | FellBack
)
Listener = Callable[[PolicyEvent], None]

# What happens to every call while a provider is down is logged once a second and
# counted always: an outage must not be written out line by line.
_QUIET_SECONDS = 1.0
_last_logged: dict[tuple[str, str], tuple[float, int]] = {}


def report(event: PolicyEvent, listener: Listener | None = None) -> None:
    """Count, log and hand on what happened.

    Args:
        event: What happened.
        listener: Who else wants to know; when it raises, that is logged and changes
            nothing for the call.
    """
    outcome = event.outcome
    _happened.add(1, {"pipeline": event.pipeline, "outcome": outcome})
    span = trace.get_current_span()
    if span.is_recording():
        span.add_event(event.words, {"pipeline": event.pipeline, "outcome": outcome})
    if isinstance(event, CallRejected):
        _log_rejected(event)
    else:
        getattr(log, event.level)(event.words, **asdict(event))
    if listener is None:
        return
    try:
        listener(event)
    except Exception:
        log.exception("listener.failed", pipeline=event.pipeline, told=event.words)


def _log_rejected(event: CallRejected) -> None:
    key = (event.pipeline, event.by)
    now = clock().monotonic()
    last, unlogged = _last_logged.get(key, (-_QUIET_SECONDS, 0))
    if 0 <= now - last < _QUIET_SECONDS:
        _last_logged[key] = (last, unlogged + 1)
        return
    _last_logged[key] = (now, 0)
    log.warning(event.words, **asdict(event), unlogged=unlogged)
