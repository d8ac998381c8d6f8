"""The circuit breaker: when it opens, how it probes, and what it does not count."""

from collections.abc import Iterator

import pytest
from breakers import NEVER, attempt, breaker, opened, token_of, totals
from hypothesis import given, settings
from hypothesis import strategies as st

from fleetwright.errors import DeclarationError
from fleetwright.resilience import BreakerChanged, CircuitBreaker
from fleetwright.resilience._breaker import Token
from fleetwright.resilience._policy import Outcome, Rejection


def test_half_of_enough_calls_open_it() -> None:
    """The share counts from the minimum number of calls on."""
    guarded = breaker()
    for outcome in ("failed", "failed", "ok"):
        attempt(guarded, outcome, at=0.0)
    assert guarded.state == "closed"

    attempt(guarded, "ok", at=0.0)

    assert guarded.state == "open"


def test_less_than_half_keeps_it_closed() -> None:
    """One failure of four is bearable."""
    guarded = breaker()

    for outcome in ("failed", "ok", "ok", "ok"):
        attempt(guarded, outcome, at=0.0)

    assert guarded.state == "closed"


def test_failures_older_than_the_window_do_not_count() -> None:
    """After ten seconds a bucket has fallen out."""
    guarded = breaker()
    for _ in range(3):
        attempt(guarded, "failed", at=0.5)

    attempt(guarded, "failed", at=10.5)

    assert guarded.state == "closed"


def test_failures_in_a_row_open_it_before_the_minimum() -> None:
    """A provider that never answers need not be asked twenty times."""
    guarded = breaker(minimum_calls=NEVER, consecutive_failures=3)
    for outcome in ("failed", "failed", "ok", "failed", "failed"):
        attempt(guarded, outcome, at=0.0)
    assert guarded.state == "closed"

    attempt(guarded, "failed", at=0.0)

    assert guarded.state == "open"


def test_good_answer_ends_a_row_of_failures_however_old() -> None:
    """The failures have left the window, but the row is not over before an answer."""
    guarded = breaker(minimum_calls=NEVER, consecutive_failures=3)
    for at, outcome in ((0.0, "failed"), (0.0, "failed"), (30.1, "ok"), (30.2, "ok")):
        attempt(guarded, "failed" if outcome == "failed" else "ok", at=at)

    attempt(guarded, "failed", at=30.3)

    assert guarded.state == "closed"


def test_good_answers_of_quiet_times_count_later() -> None:
    """What was counted while nothing failed is in the share all the same."""
    guarded = breaker(minimum_calls=20)
    for _ in range(20):
        attempt(guarded, "ok", at=0.0)
    for _ in range(19):
        attempt(guarded, "failed", at=1.0)
    assert guarded.state == "closed"

    attempt(guarded, "failed", at=1.0)

    assert guarded.state == "open"


def test_slow_answers_open_it() -> None:
    """An answer that takes too long is a bad sign, though it is one."""
    guarded = breaker(slow_seconds=0.5, slow_ratio=0.5)

    for seconds in (0.1, 0.1, 0.5, 0.9):
        attempt(guarded, "ok", at=0.0, seconds=seconds)

    assert guarded.state == "open"


def test_open_refuses_and_says_how_long() -> None:
    """Nothing is let through until the open time is over."""
    guarded = opened(breaker())

    refused = guarded.acquire(2.0)

    assert isinstance(refused, Rejection)
    assert (refused.by, refused.after_seconds) == ("breaker", 3.0)
    assert guarded.peek(4.999) is not None
    assert guarded.peek(5.0) is None


def test_half_open_lets_one_probe_through() -> None:
    """Fifty callers, one probe."""
    guarded = opened(breaker())

    let_through = [guarded.acquire(5.0) for _ in range(50)]

    assert sum(isinstance(token, Token) for token in let_through) == 1
    assert guarded.state == "half_open"


def test_three_good_probes_close_it() -> None:
    """One answer may be luck."""
    guarded = opened(breaker())
    for at in (5.0, 5.1):
        attempt(guarded, "ok", at=at)
    assert guarded.state == "half_open"

    attempt(guarded, "ok", at=5.2)

    assert guarded.state == "closed"
    assert guarded.facts()["epoch"] == 3


def test_probes_are_never_more_than_needed_to_close() -> None:
    """Five at a time are allowed, but the third good one would close it."""
    guarded = opened(breaker(probes=5, successes=3))

    let_through = [guarded.acquire(5.0) for _ in range(10)]

    assert sum(isinstance(token, Token) for token in let_through) == 3


@pytest.mark.parametrize(("outcome", "seconds"), [("failed", 0.0), ("ok", 0.5)])
def test_one_bad_or_slow_probe_opens_it_again_for_longer(
    outcome: Outcome, seconds: float
) -> None:
    """The second open time is twice the first."""
    guarded = opened(breaker(slow_seconds=0.5))

    attempt(guarded, outcome, at=5.0, seconds=seconds)

    assert guarded.state == "open"
    assert guarded.peek(14.9) is not None
    assert guarded.peek(15.0) is None


def test_probe_that_says_nothing_frees_its_place() -> None:
    """A cancelled probe neither closes nor opens; another one may be sent."""
    guarded = opened(breaker())

    attempt(guarded, "neutral", at=5.0)

    assert guarded.state == "half_open"
    assert attempt(guarded, "ok", at=5.0)


def test_probe_that_never_ends_opens_it_again() -> None:
    """A stuck probe must not wedge the breaker; its late result changes nothing."""
    guarded = opened(breaker())
    stuck = token_of(guarded, 5.0)
    assert guarded.peek(7.0) is not None
    assert guarded.state == "half_open"

    assert guarded.peek(7.001) is not None
    assert guarded.state == "open"
    guarded.done(stuck, "ok", 60.0, 65.0)

    assert guarded.state == "open"


def test_result_of_an_earlier_epoch_changes_nothing() -> None:
    """An attempt sent before the outage does not close the breaker, nor open it."""
    guarded = breaker(successes=1)
    early = [token_of(guarded, 0.0) for _ in range(8)]
    opened(guarded)
    probe = token_of(guarded, 5.0)

    outcomes: tuple[Outcome, ...] = ("ok", "failed") * 4
    for token, outcome in zip(early, outcomes, strict=True):
        guarded.done(token, outcome, 6.0, 6.0)
    assert guarded.state == "half_open"
    guarded.done(probe, "ok", 1.0, 6.0)

    assert guarded.state == "closed"
    assert guarded.facts()["calls"] == 0


def test_neutral_results_are_not_counted() -> None:
    """A thousand callers that could not wait say nothing about the provider."""
    guarded = breaker(consecutive_failures=2)
    attempt(guarded, "failed", at=0.0)

    for _ in range(1_000):
        attempt(guarded, "neutral", at=0.0)

    assert (guarded.state, totals(guarded)) == ("closed", [1, 1, 0])


def test_isolated_refuses_until_it_is_released() -> None:
    """What a person decided stays decided; then it starts afresh."""
    guarded = breaker()
    attempt(guarded, "failed", at=0.0)
    guarded.isolate()
    assert not attempt(guarded, "ok", at=1_000.0)

    guarded.release()

    assert attempt(guarded, "ok", at=1_000.0)
    assert guarded.facts()["failed"] == 0


def test_metrics_only_counts_and_never_refuses() -> None:
    """A breaker can be watched before it is trusted."""
    guarded = breaker(metrics_only=True, consecutive_failures=2)

    assert all(attempt(guarded, "failed", at=0.0) for _ in range(100))
    assert guarded.state == "closed"
    assert totals(guarded) == [100, 100, 0]


def test_change_is_told_after_it_is_stored_and_outside_the_lock() -> None:
    """Whoever is told may ask the breaker, and may fail."""
    told: list[tuple[str, str, str]] = []

    def on_change(before: str, after: str) -> None:
        told.append((before, after, str(guarded.facts()["state"])))
        raise RuntimeError("no")

    guarded = CircuitBreaker(consecutive_failures=1, on_change=on_change)
    attempt(guarded, "failed", at=0.0)

    assert told == [("closed", "open", "open")]


def test_listener_of_the_pipeline_is_told() -> None:
    """Each change carries its epoch."""
    told: list[BreakerChanged] = []
    guarded = breaker()
    guarded.claim("catalog", told.append)

    opened(guarded)

    assert told == [BreakerChanged("catalog", "closed", "open", 1)]


@settings(deadline=None)  # a busy machine is no failure
@given(
    st.floats(0.01, 100),
    st.floats(1, 10),
    st.integers(0, 40),
    st.randoms(use_true_random=False),
)
def test_open_time_doubles_up_to_its_limit_and_is_spread(
    open_seconds: float, times: float, trips: int, random: object
) -> None:
    """min(longest, open * 2 ** trips), give or take a tenth."""
    longest = open_seconds * times
    guarded = CircuitBreaker(
        consecutive_failures=1,
        open_seconds=open_seconds,
        longest_open_seconds=longest,
        random=random,  # type: ignore[arg-type]  # Random as Hypothesis draws it
    )
    now = 0.0
    for trip in range(trips + 1):
        assert attempt(guarded, "failed", at=now)
        planned = min(longest, open_seconds * 2**trip)
        seconds = guarded._open_until - now
        assert 0.9 * planned - 1e-6 <= seconds <= 1.1 * planned + 1e-6
        now = guarded._open_until


def wrong() -> Iterator[dict[str, float]]:
    """Return numbers out of range, one at a time."""
    for name in ("failure_ratio", "slow_ratio"):
        yield from ({name: value} for value in (0, 1.1, float("nan")))
    for name in ("minimum_calls", "consecutive_failures", "probes", "successes"):
        yield {name: 0}
    for name in ("window_seconds", "open_seconds", "slow_seconds", "probe_seconds"):
        yield from ({name: value} for value in (0, -1, float("nan")))
    yield {"longest_open_seconds": 1.0}
    yield {"window_seconds": float("inf")}


@pytest.mark.parametrize("numbers", list(wrong()), ids=str)
def test_numbers_out_of_range_are_refused(numbers: dict[str, float]) -> None:
    """Each says what it may be."""
    with pytest.raises(DeclarationError, match="out of range") as caught:
        CircuitBreaker(**numbers)  # type: ignore[arg-type]  # wrong on purpose

    assert caught.value.hint
