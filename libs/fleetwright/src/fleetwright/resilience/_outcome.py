"""What the end of an attempt says about the provider."""

from typing import Final

from fleetwright.errors import DeadlineExceeded, Refused, Unavailable
from fleetwright.resilience._policy import Outcome

_TURNED_AWAY: Final = (429, 503)


def outcome_of(error: BaseException, *, cut_in_full: bool = False) -> Outcome:
    """Return what a circuit breaker learns from the error of an attempt.

    Args:
        error: What left the attempt.
        cut_in_full: Whether the pipeline cut the attempt after all the time one is
            meant to have; else it was the caller who could not wait.

    Returns:
        `failed` when the provider is in trouble; `ok` when it answered, if only no;
        `neutral` when the error says nothing about it.
    """
    if isinstance(error, Refused):
        return "ok"
    if not isinstance(error, Unavailable):
        return "neutral"  # a cancellation, or a mistake of the caller's own
    if isinstance(error, DeadlineExceeded):
        return "failed" if cut_in_full else "neutral"
    match error.reason:
        case "connect" | "timeout" | "reset":
            return "failed"
        case "status":
            return "neutral" if error.status == 429 else "failed"
        case "invalid_answer":
            return "ok"  # it answered; that we cannot read it is no outage
        case _:
            return "neutral"  # refused by a policy, here or in a pipeline below


def accepted_by_provider(error: BaseException, outcome: Outcome) -> bool | None:
    """Return what a throttle learns from the error of an attempt.

    Args:
        error: What left the attempt.
        outcome: What it says about the provider.

    Returns:
        Whether the provider took the attempt on, if only to fail at it; None when the
        error does not say.
    """
    if isinstance(error, Unavailable) and error.reason == "status":
        return error.status not in _TURNED_AWAY
    if outcome == "neutral":
        return None
    return outcome == "ok"
