"""How many extra sends a provider may get."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetwright._clock import use_clock
from fleetwright.errors import DeclarationError
from fleetwright.resilience import RetryBudget
from fleetwright.testing import FakeClock

STEPS = st.lists(
    st.tuples(st.floats(0, 4), st.sampled_from(["call", "call", "call", "extra"])),
    max_size=300,
)


@given(STEPS, st.floats(0, 1), st.integers(0, 5))
def test_granted_sends_stay_within_their_share_of_calls(
    steps: list[tuple[float, str]], ratio: float, floor: int
) -> None:
    """At each grant the window holds at most `ratio * calls + floor` extra sends."""
    calls: list[float] = []
    extra: list[float] = []
    with use_clock(FakeClock()) as clock:
        assert isinstance(clock, FakeClock)
        budget = RetryBudget(ratio, floor)
        for seconds, step in steps:
            clock.advance(seconds)
            now = clock.monotonic()
            if step == "call":
                budget.count_call()
                calls.append(now)
            elif budget.take():
                extra.append(now)
                in_window = sum(at > now - 10 for at in extra)
                asked_for = sum(at > now - 10 for at in calls)
                assert in_window <= ratio * asked_for + floor + 1e-9


def test_quiet_client_may_retry_up_to_the_floor() -> None:
    """Without any calls in the window there are `floor` extra sends."""
    with use_clock(FakeClock()):
        budget = RetryBudget(ratio=0.1, floor=3)

        assert [budget.take() for _ in range(5)] == [True] * 3 + [False] * 2


def test_spent_budget_comes_back_with_time() -> None:
    """What was granted more than a window and a bucket ago counts no more."""
    clock = FakeClock()
    with use_clock(clock):
        budget = RetryBudget(ratio=0.1, floor=1)
        assert budget.take()
        clock.advance(9.0)
        assert not budget.take()
        clock.advance(2.1)

        assert budget.take()


def test_budget_survives_a_clock_that_was_replaced() -> None:
    """What another clock counted is void; it neither grants nor withholds for ever."""
    budget = RetryBudget(ratio=0.1, floor=1)
    later = FakeClock()
    later.advance(1_000_000)
    with use_clock(later):
        assert budget.take()
    with use_clock(FakeClock()):
        assert budget.take()


@pytest.mark.parametrize(
    ("ratio", "floor", "window"),
    [(-0.1, 1, 10), (1.1, 1, 10), (0.1, -1, 10), (0, 0, 0)],
)
def test_numbers_out_of_range_are_refused(
    ratio: float, floor: int, window: float
) -> None:
    """A budget that makes no sense is refused where it is written."""
    with pytest.raises(DeclarationError, match="out of range"):
        RetryBudget(ratio, floor, window_seconds=window)
