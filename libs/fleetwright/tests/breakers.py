"""Circuit breakers with little to wait for, and what is done to them."""

from fleetwright.resilience import CircuitBreaker
from fleetwright.resilience._breaker import Token
from fleetwright.resilience._policy import Outcome, Rejection

NEVER = 1_000_000  # a threshold that is not reached


class Middle:
    """A source of chance that always draws the number in the middle."""

    def uniform(self, a: float, b: float) -> float:
        """Return the middle."""
        return (a + b) / 2


def breaker(
    *,
    minimum_calls: int = 4,
    consecutive_failures: int = NEVER,
    slow_seconds: float | None = None,
    slow_ratio: float = 1.0,
    probes: int = 1,
    successes: int = 3,
    metrics_only: bool = False,
) -> CircuitBreaker:
    """Return a breaker that opens after two failures of four calls, for 5 seconds."""
    return CircuitBreaker(
        minimum_calls=minimum_calls,
        consecutive_failures=consecutive_failures,
        slow_seconds=slow_seconds,
        slow_ratio=slow_ratio,
        probes=probes,
        successes=successes,
        probe_seconds=2.0,
        metrics_only=metrics_only,
        random=Middle(),
    )


def attempt(
    guarded: CircuitBreaker, outcome: Outcome, *, at: float, seconds: float = 0.0
) -> bool:
    """Make one attempt; tell whether it was let through."""
    token = guarded.acquire(at)
    if isinstance(token, Rejection):
        return False
    guarded.done(token, outcome, seconds, at)
    return True


def token_of(guarded: CircuitBreaker, at: float) -> Token:
    """Return the token of an attempt that is let through."""
    token = guarded.acquire(at)
    assert isinstance(token, Token)
    return token


def totals(guarded: CircuitBreaker) -> list[int]:
    """Return the attempts in the window, the failed and the slow among them."""
    return [guarded._window.total(column) for column in range(3)]


def opened(guarded: CircuitBreaker, at: float = 0.0) -> CircuitBreaker:
    """Return the breaker after an outage."""
    for _ in range(4):
        attempt(guarded, "failed", at=at)
    assert guarded.state == "open"
    return guarded
