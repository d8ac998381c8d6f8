"""When to try again, and after how long."""

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetwright.errors import DeadlineExceeded, DeclarationError, Unavailable
from fleetwright.resilience import Attempt, Retry, RetryBudget
from fleetwright.resilience._policy import Failure, Stop, TryAgain


class Highest:
    """A source of chance that always draws the highest number."""

    def uniform(self, a: float, b: float) -> float:
        """Return `b`."""
        return b


def unavailable(reason: Any, **facts: Any) -> Unavailable:
    """Return a failure of that reason."""
    return Unavailable("it did not answer", reason=reason, **facts)


def decide(
    error: Unavailable,
    *,
    repeatable: bool = True,
    attempt: Attempt | None = None,
    left_seconds: float | None = None,
    retry: Retry | None = None,
) -> TryAgain | Stop:
    """Return what follows the failure of a first attempt."""
    failure = Failure(error, attempt or Attempt(1), repeatable, left_seconds)
    return (retry or Retry()).decide(failure)


@given(
    st.integers(1, 2_000), st.floats(0.001, 10), st.floats(1, 100), st.integers(0, 9)
)
def test_wait_is_never_longer_than_the_doubled_and_capped_one(
    number: int, first: float, factor: float, seed: int
) -> None:
    """Full jitter: anything from 0 to `min(longest, first * 2 ** (k - 1))`."""
    longest = first * factor
    chance = Random(seed)  # noqa: S311
    retry = Retry(first_seconds=first, longest_seconds=longest, random=chance)

    delay = retry.delay_seconds(number)

    assert 0 <= delay <= min(longest, first * 2.0 ** min(number - 1, 60))


@given(st.floats(0, 1_000), st.integers(1, 9), st.integers(0, 9))
def test_retry_after_is_a_lower_bound_up_to_thirty_seconds(
    asked: float, number: int, seed: int
) -> None:
    """The wait is at least what was asked for, and at most a tenth more than needed."""
    delay = Retry(random=Random(seed)).delay_seconds(number, asked)  # noqa: S311

    assert min(asked, 30.0) <= delay <= max(min(asked, 30.0), 1.0) * 1.1


def test_waits_double_up_to_the_longest() -> None:
    """With the highest draws the law of the backoff is seen."""
    retry = Retry(first_seconds=0.05, longest_seconds=0.3, random=Highest())

    assert [retry.delay_seconds(k) for k in (1, 2, 3, 4)] == [0.05, 0.1, 0.2, 0.3]


@pytest.mark.parametrize(
    "error",
    [
        unavailable("connect"),
        unavailable("timeout"),
        unavailable("reset"),
        unavailable("status", status=502),
        unavailable("status", status=503),
        unavailable("status", status=504),
        unavailable("status", status=429, retry_after_seconds=1.0),
    ],
    ids=str,
)
def test_what_may_pass_is_tried_again(error: Unavailable) -> None:
    """Lost connections, timeouts, gateways' statuses, and 429 that says when."""
    assert isinstance(decide(error), TryAgain)


@pytest.mark.parametrize(
    "error",
    [
        unavailable("status", status=500),
        unavailable("status", status=501),
        unavailable("status", status=429),
        unavailable("invalid_answer"),
        unavailable("rejected"),
    ],
    ids=str,
)
def test_what_will_not_pass_is_not_tried_again(error: Unavailable) -> None:
    """Programming errors, rejections of our own, and 429 that says nothing."""
    assert decide(error) == Stop("failure")


def test_call_that_ran_out_of_time_is_not_tried_again() -> None:
    """Nobody waits for the answer any more."""
    assert decide(DeadlineExceeded()) == Stop("deadline")


@pytest.mark.parametrize("reason", ["timeout", "reset"])
def test_what_may_have_happened_is_not_done_twice(reason: str) -> None:
    """A call that is not repeatable ends when it may have reached the provider."""
    assert decide(unavailable(reason), repeatable=False) == Stop("not_idempotent")


def test_what_was_never_sent_is_tried_again_whatever_it_is() -> None:
    """A connection that was refused carried nothing."""
    assert isinstance(decide(unavailable("connect"), repeatable=False), TryAgain)


def test_what_the_provider_left_alone_is_tried_again_whatever_it_is() -> None:
    """`Fleet-Not-Processed` makes any call repeatable."""
    attempt = Attempt(1, not_processed=True)
    error = unavailable("status", status=503)

    assert isinstance(decide(error, repeatable=False, attempt=attempt), TryAgain)


def test_provider_that_asks_for_no_retry_gets_none() -> None:
    """`Fleet-Retry: no` ends the call, so that layers do not multiply."""
    error = unavailable("status", status=503)

    assert decide(error, attempt=Attempt(1, pushback=True)) == Stop("pushback")


def test_last_attempt_is_the_last() -> None:
    """`attempts` counts the first send too."""
    assert decide(unavailable("reset"), attempt=Attempt(3)) == Stop("attempts")


def test_no_wait_ends_past_the_deadline() -> None:
    """What would begin too late is not begun."""
    error = unavailable("status", status=503, retry_after_seconds=2.0)

    assert decide(error, left_seconds=1.9) == Stop("deadline")


def test_spent_budget_ends_the_call() -> None:
    """There is no retry without a token."""
    retry = Retry(budget=RetryBudget(ratio=0.0, floor=0))

    assert decide(unavailable("reset"), retry=retry) == Stop("budget")


@pytest.mark.parametrize(
    "numbers",
    [{"attempts": 0}, {"first_seconds": 0}, {"first_seconds": 2, "longest_seconds": 1}],
)
def test_numbers_out_of_range_are_refused(numbers: dict[str, Any]) -> None:
    """A retry that makes no sense is refused where it is written."""
    with pytest.raises(DeclarationError, match="hint: use attempts >= 1"):
        Retry(**numbers)


def test_statuses_that_may_pass_can_be_added() -> None:
    """A provider that answers 500 when it is only busy: said where it is called."""
    busy = unavailable("status", status=500)

    assert decide(busy) == Stop("failure")
    assert isinstance(decide(busy, retry=Retry(also=(500,))), TryAgain)
    with pytest.raises(DeclarationError, match="not all failures"):
        Retry(also=(404,))
