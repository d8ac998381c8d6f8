"""The circuit breaker against a model: whatever comes in which order."""

from breakers import Middle, totals
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from fleetwright.resilience import BreakerChanged, CircuitBreaker
from fleetwright.resilience._breaker import Token
from fleetwright.resilience._policy import Outcome, Rejection


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
