"""The circuit breaker: when it opens, how it probes, and what it does not count."""

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from fleetwright.errors import DeclarationError
from fleetwright.resilience import BreakerChanged, CircuitBreaker
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


class Model(RuleBasedStateMachine):
    """Whatever comes in which order: the invariants of the states hold."""

    def __init__(self) -> None:
        """Start closed, at zero."""
        super().__init__()
        self.now = 0.0
        self.changes: list[BreakerChanged] = []
        self.guarded = CircuitBreaker(
            minimum_calls=3,
            consecutive_failures=4,
            probes=2,
            successes=3,
            probe_seconds=4.0,
            random=Middle(),
        )
        self.guarded.claim("model", self.changes.append)
        self.out: list[tuple[Token, float]] = []
        self.good_since_half_open = 0
        self.bad_since_half_open = 0

    @rule(seconds=st.sampled_from([0.1, 1.0, 3.0, 6.0]))
    def time_passes(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds

    @rule()
    def ask(self) -> None:
        """Ask for leave; keep the token."""
        before = self.guarded.state
        peeked = self.guarded.peek(self.now)
        token = self.guarded.acquire(self.now)
        # No time passed in between: both say the same.
        assert isinstance(token, Rejection) == (peeked is not None)
        if isinstance(token, Token):
            assert before != "isolated"
            self.out.append((token, self.now))

    @precondition(lambda self: bool(self.out))
    @rule(
        outcome=st.sampled_from(["ok", "failed", "neutral"]), which=st.integers(0, 99)
    )
    def end(self, outcome: Outcome, which: int) -> None:
        """End one of the attempts under way."""
        token, began = self.out.pop(which % len(self.out))
        before, calls = self.guarded.state, totals(self.guarded)
        epoch = self.guarded._epoch
        self.guarded.done(token, outcome, self.now - began, self.now)
        if token.epoch != epoch or outcome == "neutral":
            assert self.guarded.state == before
            assert totals(self.guarded) == calls
            return
        if before == "half_open":
            self.good_since_half_open += outcome == "ok"
            self.bad_since_half_open += outcome == "failed"
        if (before, self.guarded.state) == ("half_open", "closed"):
            assert self.good_since_half_open == 3
        if (before, self.guarded.state) == ("half_open", "open"):
            assert self.bad_since_half_open > 0

    @rule()
    def isolate(self) -> None:
        """Isolate it and release it again."""
        self.guarded.isolate()
        assert self.guarded.peek(self.now) is not None
        self.guarded.release()

    @invariant()
    def changes_follow_the_diagram(self) -> None:
        """Only known changes, and each begins the next epoch."""
        allowed = {
            ("closed", "open"),
            ("open", "half_open"),
            ("half_open", "open"),
            ("half_open", "closed"),
        }
        for change in self.changes:
            pair = (change.from_state, change.to_state)
            assert pair in allowed or "isolated" in pair
        if self.changes and self.changes[-1].to_state != "half_open":
            self.good_since_half_open = self.bad_since_half_open = 0
        epochs = [change.epoch for change in self.changes]
        assert epochs == list(range(1, len(epochs) + 1))

    @invariant()
    def probes_are_bounded(self) -> None:
        """Never more than two unfinished probes."""
        assert len(self.guarded._under_way) <= 2


Model.TestCase.settings = settings(
    max_examples=60, stateful_step_count=60, deadline=None
)
test_any_order_of_events_keeps_the_invariants = Model.TestCase


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
