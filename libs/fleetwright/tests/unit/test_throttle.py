"""The throttle: keeps back what the provider would turn away anyway."""

import asyncio
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleetwright.errors import DeclarationError, Unavailable
from fleetwright.resilience import (
    Bulkhead,
    CallRejected,
    CircuitBreaker,
    Pipeline,
    PolicyEvent,
    Throttle,
    Timeout,
)
from fleetwright.testing import FakeClock


class Always:
    """A source of chance that draws one number, and notes the range."""

    def __init__(self, drawn: float) -> None:
        """Draw `drawn`."""
        self.drawn = drawn

    def uniform(self, a: float, b: float) -> float:
        """Return the number."""
        return self.drawn


def shown(guarded: Pipeline) -> float:
    """Return the share that is kept back."""
    facts = guarded.facts()["throttle"]
    assert isinstance(facts, dict)
    return float(facts["ratio"])


STEP = st.tuples(st.floats(0, 20), st.sampled_from([True, False, None, "start"]))


@settings(deadline=None)  # a busy machine is no failure
@given(st.lists(STEP, max_size=80), st.floats(1, 4))
def test_share_follows_the_formula(
    steps: list[tuple[float, bool | str | None]], multiplier: float
) -> None:
    """max(0, (requests - K * accepted) / (requests + 1)), counted over the window."""
    throttle = Throttle(multiplier=multiplier, random=Always(1.0))
    started: list[int] = []
    accepted: list[int] = []
    now = 0.0
    for seconds, step in steps:
        now += seconds
        bucket = int(now / 6)
        started = [at for at in started if at > bucket - 10]
        accepted = [at for at in accepted if at > bucket - 10]
        if step == "start":
            throttle.start(now)
            started.append(bucket)
        else:
            throttle.done(step if isinstance(step, bool) else None, now)
            if step:
                accepted.append(bucket)
            elif step is None:
                started = started[1:]
        over = len(started) - multiplier * len(accepted)
        expected = min(0.9, max(0.0, over / (len(started) + 1)))
        assert throttle.facts() == {"ratio": round(expected, 3)}


async def test_healthy_provider_is_never_throttled(clock: FakeClock) -> None:
    """Even half of the calls turned away is bearable, with K = 2."""
    guarded = Pipeline("it", Timeout(1.0), Throttle(random=Always(0.0)))
    turn = iter(range(1_000))

    async def ask() -> None:
        if next(turn) % 2:
            raise Unavailable("full", reason="status", status=503)

    for _ in range(200):
        try:
            await guarded.run(ask)
        except Unavailable as error:
            assert error.reason == "status"

    assert shown(guarded) == 0


async def test_provider_that_turns_all_away_hears_of_a_tenth(clock: FakeClock) -> None:
    """The rest is refused here; a tenth goes out to learn that it is over."""
    told: list[PolicyEvent] = []
    throttle = Throttle(random=Random(7))  # noqa: S311 - no secret
    guarded = Pipeline("it", Timeout(1.0), throttle, listener=told.append)
    sends = 0

    async def ask() -> None:
        nonlocal sends
        sends += 1
        raise Unavailable("full", reason="status", status=429)

    for _ in range(2_000):
        with pytest.raises(Unavailable):
            await guarded.run(ask)

    assert 150 < sends < 260
    assert told[-1] == CallRejected("it", "throttle", 1)
    assert shown(guarded) == 0.9


@pytest.mark.parametrize("guard", ["breaker", "bulkhead", "cancelled"])
async def test_attempt_that_was_not_sent_is_taken_back(
    clock: FakeClock, guard: str
) -> None:
    """What the other policies refuse, and who gave up, says nothing of the provider."""
    breaker, bulkhead = CircuitBreaker(), Bulkhead(1, waiting=1)
    throttle = Throttle(random=Always(1.0))
    guarded = Pipeline("it", Timeout(1.0), throttle, breaker, bulkhead)
    if guard == "breaker":
        breaker.isolate()
    else:
        bulkhead.enter()

    for _ in range(50):
        task = asyncio.create_task(guarded.run(asyncio.sleep, 0))
        await asyncio.sleep(0)
        if guard == "cancelled":
            task.cancel()
        with pytest.raises((Unavailable, asyncio.CancelledError)):
            await task

    assert shown(guarded) == 0


@pytest.mark.parametrize(
    ("multiplier", "seconds", "ratio"), [(0.5, 1, 0.5), (2, 0, 0.5), (2, 1, 1.0)]
)
def test_numbers_out_of_range_are_refused(
    multiplier: float, seconds: float, ratio: float
) -> None:
    """All of the load must never be kept back."""
    with pytest.raises(DeclarationError, match="out of range"):
        Throttle(multiplier=multiplier, window_seconds=seconds, highest_ratio=ratio)
