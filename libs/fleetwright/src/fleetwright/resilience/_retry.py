"""When to try again, and after how long."""

from collections.abc import Collection
from random import Random
from typing import Protocol

from fleetwright.errors import DeclarationError, Unavailable
from fleetwright.resilience._budget import RetryBudget
from fleetwright.resilience._policy import Failure, Policy, Stop, TryAgain

LEAST_SECONDS = 0.005  # with less than this left an attempt is not worth a send
_RETRY_AFTER_MAXIMUM_SECONDS = 30.0
_GATEWAY_STATUSES = frozenset((502, 503, 504))


class RandomSource(Protocol):
    """Anything that draws a number evenly from a range."""

    def uniform(self, a: float, b: float) -> float:
        """Return a number between `a` and `b`."""
        ...


class Retry(Policy):
    """Send again what brought no answer, if that is safe and there is time for it.

    The wait before attempt k + 1 is drawn evenly from 0 to
    `min(longest_seconds, first_seconds * 2 ** (k - 1))` (full jitter). A `Retry-After`
    of the provider, at most 30 s, is a lower bound: `max(retry_after, jitter)` plus up
    to a tenth of it. The deadline of the call and the budget end it early. What was
    refused, cut by the caller's deadline or rejected by a policy is never sent again.

    Attributes:
        attempts: The most sends of one call, the first one included.
        budget: How many extra sends the provider may get from all calls together.
    """

    __slots__ = (
        "_also",
        "_first_seconds",
        "_longest_seconds",
        "_random",
        "attempts",
        "budget",
    )

    def __init__(
        self,
        attempts: int = 3,
        *,
        first_seconds: float = 0.05,
        longest_seconds: float = 1.0,
        budget: RetryBudget | None = None,
        also: Collection[int] = (),
        random: RandomSource | None = None,
    ) -> None:
        """Keep the numbers.

        Args:
            attempts: The most sends of one call, the first one included; 1 or more.
            first_seconds: Longest wait before the second attempt, in seconds.
            longest_seconds: Longest wait before any attempt, in seconds.
            budget: The budget to draw on; one of its own when left out.
            also: Statuses 500 to 599 that may pass beside 502, 503 and 504, for a
                provider that answers, say, 500 when it is only busy.
            random: Where the jitter comes from; for tests.

        Raises:
            DeclarationError: A number is out of its range.
        """
        super().__init__()
        if attempts < 1 or not 0 < first_seconds <= longest_seconds:
            raise DeclarationError(
                f"Retry(attempts={attempts}, first_seconds={first_seconds},"
                f" longest_seconds={longest_seconds}) is out of range",
                hint="use attempts >= 1 and 0 < first_seconds <= longest_seconds, for"
                " example Retry(attempts=3, first_seconds=0.05)",
            )
        if not all(500 <= status <= 599 for status in also):
            raise DeclarationError(
                f"Retry(also={tuple(also)}) are not all failures of a provider",
                hint="give statuses from 500 to 599, for example also=(500,)",
            )
        self._also = frozenset(also)
        self.attempts = attempts
        self.budget = budget if budget is not None else RetryBudget()
        self._first_seconds = first_seconds
        self._longest_seconds = longest_seconds
        # Jitter is no secret: a fast generator will do.
        self._random: RandomSource = random or Random()  # noqa: S311

    def decide(self, failure: Failure) -> TryAgain | Stop:
        """Return what follows a failed attempt.

        Args:
            failure: The attempt that failed.

        Returns:
            `TryAgain` with the wait, or `Stop` with what ended the call.
        """
        attempt = failure.attempt
        if failure.error.reason == "deadline":
            return Stop("deadline")
        error = failure.error
        if not may_pass(error) and error.status not in self._also:
            return Stop("failure")
        if not _is_safe(failure):
            return Stop("not_idempotent")
        if attempt.pushback:
            return Stop("pushback")
        if attempt.number >= self.attempts:
            return Stop("attempts")
        delay = self.delay_seconds(
            attempt.number, failure.error.retry_after_seconds or 0.0
        )
        left = failure.left_seconds
        if left is not None and delay + LEAST_SECONDS > left:
            return Stop("deadline")
        if not self.budget.take():
            return Stop("budget")
        return TryAgain(delay)

    def delay_seconds(self, number: int, retry_after_seconds: float = 0.0) -> float:
        """Draw the wait after an attempt.

        Args:
            number: The attempt that failed, from 1.
            retry_after_seconds: What the provider asked for; 0 when it did not.

        Returns:
            The wait, in seconds.
        """
        doublings = min(number - 1, 60)  # beyond, the cap has long been reached
        top = min(self._longest_seconds, self._first_seconds * 2**doublings)
        jitter = self._random.uniform(0.0, top)
        asked = min(max(retry_after_seconds, 0.0), _RETRY_AFTER_MAXIMUM_SECONDS)
        if asked <= 0.0:
            return jitter
        return max(asked, jitter) + self._random.uniform(0.0, asked / 10)


def may_pass(error: Unavailable) -> bool:
    """Tell whether a failure is of a kind that may be over the next time.

    Args:
        error: The failure.

    Returns:
        True for transport failures, 502, 503, 504, and 429 with a time.
    """
    if error.reason in ("connect", "timeout", "reset"):
        return True
    if error.reason != "status":
        return False
    if error.status == 429:
        return error.retry_after_seconds is not None
    return error.status in _GATEWAY_STATUSES


def _is_safe(failure: Failure) -> bool:
    """Tell whether another send cannot do anything twice."""
    return (
        failure.repeatable
        or failure.attempt.not_processed
        or failure.error.reason == "connect"
    )
