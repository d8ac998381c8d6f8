"""Calls that stay within their time and are tried again where that is safe.

Read `_pipeline` first: it is the driver; the other modules only decide.
"""

from fleetwright.resilience._breaker import CircuitBreaker
from fleetwright.resilience._budget import RetryBudget
from fleetwright.resilience._bulkhead import Bulkhead
from fleetwright.resilience._default import default_pipeline
from fleetwright.resilience._events import (
    AnswerUnreadable,
    BreakerChanged,
    CallRejected,
    FellBack,
    Hedged,
    PolicyEvent,
    RetryScheduled,
    RetryStopped,
    TimedOut,
)
from fleetwright.resilience._hedge import Hedge
from fleetwright.resilience._pipeline import Pipeline
from fleetwright.resilience._policy import Attempt, Policy
from fleetwright.resilience._retry import Retry
from fleetwright.resilience._stale import StaleIfError
from fleetwright.resilience._throttle import Throttle
from fleetwright.resilience._timeout import Timeout

__all__ = [
    "AnswerUnreadable",
    "Attempt",
    "BreakerChanged",
    "Bulkhead",
    "CallRejected",
    "CircuitBreaker",
    "FellBack",
    "Hedge",
    "Hedged",
    "Pipeline",
    "Policy",
    "PolicyEvent",
    "Retry",
    "RetryBudget",
    "RetryScheduled",
    "RetryStopped",
    "StaleIfError",
    "Throttle",
    "TimedOut",
    "Timeout",
    "default_pipeline",
]
