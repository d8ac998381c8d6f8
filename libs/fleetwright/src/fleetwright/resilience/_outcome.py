"""What the end of an attempt says about the provider."""

from typing import Final

from fleetwright.errors import DeadlineExceeded, Refused, Unavailable
from fleetwright.resilience._policy import ANSWERED, NOTHING_LEARNT, Verdict

_FAILED: Final = Verdict("failed", False)
_FAILED_AT_IT: Final = Verdict("failed", True)
_TURNED_AWAY: Final = Verdict("failed", False)
_TOO_MANY: Final = Verdict("neutral", False)


def verdict_of(error: BaseException, *, cut_in_full: bool = False) -> Verdict:
    """Return what breaker and throttle learn from the error of an attempt.

    Args:
        error: What left the attempt.
        cut_in_full: Whether the pipeline cut the attempt after all the time one is
            meant to have; else it was the caller who could not wait.

    Returns:
        The verdict: `failed` when the provider is in trouble; `ok` when it answered, if
        only no; `neutral` when the error says nothing about it.
    """
    if isinstance(error, Refused):
        return ANSWERED
    if not isinstance(error, Unavailable):
        return NOTHING_LEARNT  # a cancellation, or a mistake of the caller's own
    if isinstance(error, DeadlineExceeded):
        return _FAILED if cut_in_full else NOTHING_LEARNT
    match error.reason:
        case "connect" | "timeout" | "reset":
            return _FAILED
        case "status" if error.status == 429:
            return _TOO_MANY
        case "status" if error.status == 503:
            return _TURNED_AWAY
        case "status":
            return _FAILED_AT_IT
        case "invalid_answer":
            return ANSWERED  # it answered; that we cannot read it is no outage
        case _:
            return NOTHING_LEARNT  # refused by a policy, here or in a pipeline below
