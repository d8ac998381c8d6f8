"""Hedges: a second attempt in time, paid for, and its loser gone."""

import asyncio
from contextvars import ContextVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleetwright.errors import DeclarationError, Refused, Unavailable
from fleetwright.resilience import (
    Attempt,
    Bulkhead,
    CircuitBreaker,
    Hedge,
    Hedged,
    Pipeline,
    PolicyEvent,
    Retry,
    RetryBudget,
    Timeout,
)
from fleetwright.testing import FakeClock

TENANT: ContextVar[str] = ContextVar("tenant", default="nobody")


class Provider:
    """Answers from a script: seconds are a wait, an error is raised.

    Attributes:
        sends: How many attempts reached it.
        cancelled: How many of them were cancelled.
    """

    def __init__(self, *script: float | Exception) -> None:
        """Follow `script`, one entry for each send; then answer in 10 ms."""
        self.script = list(script)
        self.sends = self.cancelled = 0

    async def ask(self) -> int:
        """Return the number of the send that is answered."""
        self.sends += 1
        number = self.sends
        step = self.script.pop(0) if self.script else 0.01
        if isinstance(step, Exception):
            raise step
        try:
            await asyncio.sleep(step)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return number


def down() -> Unavailable:
    """Return a failure that may pass."""
    return Unavailable("it is down", reason="status", status=503)


def pipeline(
    hedge: Hedge, told: list[PolicyEvent] | None = None, places: int = 32
) -> Pipeline:
    """Return a pipeline that hedges."""
    listener = None if told is None else told.append
    return Pipeline(
        "it",
        Timeout(2.0),
        hedge,
        CircuitBreaker(),
        Bulkhead(places, waiting=0),
        Timeout(1.0),
        listener=listener,
    )


def learnt(seconds: float = 0.02, budget: RetryBudget | None = None) -> Hedge:
    """Return a hedge that knows twenty answers of that length."""
    hedge = Hedge(budget=budget)
    for _ in range(20):
        hedge.learn(seconds)
    return hedge


def counts(guarded: Pipeline) -> tuple[object, object]:
    """Return the attempts the breaker counted, and the places in use."""
    breaker, bulkhead = guarded.facts()["breaker"], guarded.facts()["bulkhead"]
    assert isinstance(breaker, dict)
    assert isinstance(bulkhead, dict)
    return breaker["calls"], bulkhead["used"]


async def test_slow_answer_is_overtaken_by_a_second_attempt(clock: FakeClock) -> None:
    """After p95 a second attempt is sent; the first of the two answers counts."""
    told: list[PolicyEvent] = []
    guarded = pipeline(learnt(0.02), told)
    provider = Provider(0.5, 0.01)

    assert await guarded.run(provider.ask) == 2

    assert clock.elapsed_seconds == 0.03
    assert (provider.cancelled, told) == (1, [Hedged("it", 2)])
    assert counts(guarded) == (1, 0)


async def test_fast_answer_is_not_hedged(clock: FakeClock) -> None:
    """One send, no event, nothing to cancel."""
    told: list[PolicyEvent] = []
    provider = Provider(0.01)

    assert await pipeline(learnt(0.02), told).run(provider.ask) == 1

    assert (provider.sends, told) == (1, [])


async def test_first_may_still_win(clock: FakeClock) -> None:
    """The second attempt is no better by being later."""
    provider = Provider(0.03, 0.5)

    assert await pipeline(learnt(0.02)).run(provider.ask) == 1

    assert (provider.sends, provider.cancelled) == (2, 1)


async def test_nothing_is_hedged_before_enough_is_known(clock: FakeClock) -> None:
    """Nineteen answers do not tell the slowest twentieth."""
    hedge = Hedge()
    for _ in range(19):
        hedge.learn(0.01)
    provider = Provider(0.9)

    assert await pipeline(hedge).run(provider.ask) == 1

    assert provider.sends == 1


async def test_failure_that_may_pass_starts_the_second_at_once(
    clock: FakeClock,
) -> None:
    """There is no point in waiting for p95 when the first has failed."""
    provider = Provider(down())

    assert await pipeline(Hedge()).run(provider.ask) == 2

    assert clock.elapsed_seconds == 0.01


async def test_failure_of_one_waits_for_the_other(clock: FakeClock) -> None:
    """The second fails while the first is still at work: the first counts."""
    provider = Provider(0.5, down())

    assert await pipeline(learnt(0.02)).run(provider.ask) == 1


async def test_both_fail_and_the_last_failure_is_raised(clock: FakeClock) -> None:
    """There is no third attempt."""
    last = Unavailable("still down", reason="status", status=502)
    provider = Provider(down(), last)

    with pytest.raises(Unavailable) as caught:
        await pipeline(Hedge()).run(provider.ask)

    assert (caught.value, provider.sends) == (last, 2)


async def test_refusal_ends_the_race(clock: FakeClock) -> None:
    """They answered no: the other attempt would hear the same."""
    provider = Provider(0.5, Refused("no", status=404))

    with pytest.raises(Refused):
        await pipeline(learnt(0.02)).run(provider.ask)

    assert provider.cancelled == 1


async def test_second_attempt_without_a_place_does_not_end_the_call(
    clock: FakeClock,
) -> None:
    """The first is still at work and keeps its place."""
    provider = Provider(0.5)

    assert await pipeline(learnt(0.02), places=1).run(provider.ask) == 1

    assert provider.sends == 1


async def test_rejected_first_attempt_is_not_hedged(clock: FakeClock) -> None:
    """What a policy refuses ends the call at once."""
    breaker = CircuitBreaker()
    breaker.isolate()
    provider = Provider()
    guarded = Pipeline("it", Timeout(2.0), learnt(), breaker)

    with pytest.raises(Unavailable, match="isolated by hand"):
        await guarded.run(provider.ask)

    assert (provider.sends, clock.elapsed_seconds) == (0, 0)


async def test_hedges_and_retries_draw_on_one_budget(clock: FakeClock) -> None:
    """What retries have used up is not there for hedges."""
    shared = RetryBudget(ratio=0, floor=2)
    retrying = Pipeline("it", Timeout(2.0), Retry(3, budget=shared))
    with pytest.raises(Unavailable):
        await retrying.run(Provider(down(), down(), down()).ask)
    provider = Provider(0.5, 0.01)

    assert await pipeline(learnt(0.02, shared)).run(provider.ask) == 1

    assert provider.sends == 1


async def test_only_reads_are_hedged(clock: FakeClock) -> None:
    """Two writes at a time may both be carried out."""
    for may in ({"repeatable": False}, {"reads": False}):
        provider = Provider(0.5)

        async def send(attempt: Attempt, provider: Provider = provider) -> int:
            return await provider.ask()

        assert await pipeline(learnt(0.02)).send(send, **may) == 1
        assert provider.sends == 1


async def test_cancelling_the_call_cancels_both(clock: FakeClock) -> None:
    """Nobody is left at work, and every place is free."""
    guarded = pipeline(learnt(0.02))
    provider = Provider(0.9, 0.9)
    task = asyncio.create_task(guarded.run(provider.ask))
    await asyncio.sleep(0.5)

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert (provider.sends, provider.cancelled, counts(guarded)) == (2, 2, (0, 0))


async def test_loser_that_will_not_go_is_not_waited_for(clock: FakeClock) -> None:
    """A tenth of a second is enough for a farewell; its place it gives back later."""
    sends = 0

    async def ask() -> int:
        nonlocal sends
        sends += 1
        number = sends
        try:
            await asyncio.sleep(0.5 if number == 1 else 0.01)
        except asyncio.CancelledError:
            await asyncio.sleep(5)
            raise
        return number

    guarded = pipeline(learnt(0.02))

    assert await guarded.run(ask) == 2
    assert (clock.elapsed_seconds, counts(guarded)[1]) == (0.13, 1)
    await asyncio.sleep(10)
    assert counts(guarded)[1] == 0


async def test_attempts_see_the_context_and_keep_theirs_to_themselves(
    clock: FakeClock,
) -> None:
    """Each runs in a copy of the caller's context."""
    seen: list[str] = []
    TENANT.set("caller")

    async def ask() -> None:
        seen.append(TENANT.get())
        TENANT.set("attempt")
        await asyncio.sleep(0.1)

    await pipeline(learnt(0.02)).run(ask)

    assert (seen, TENANT.get()) == (["caller", "caller"], "caller")


@settings(deadline=None)  # a busy machine is no failure
@given(st.lists(st.floats(0.001, 10), min_size=20, max_size=300))
def test_delay_is_the_95th_percentile_of_the_last_hundred(took: list[float]) -> None:
    """At least 95 % of them were no longer, and more than 5 % no shorter."""
    hedge = Hedge(shortest_seconds=0.005)
    took = took[: len(took) // 10 * 10]  # it is reckoned anew at every tenth
    for seconds in took:
        hedge.learn(seconds)
    last = took[-100:]

    delay = hedge.delay_seconds()

    assert delay is not None
    assert delay >= 0.005
    within = sum(seconds <= delay for seconds in last)
    assert within >= 0.95 * len(last)
    assert delay == 0.005 or sum(s < delay for s in last) < 0.95 * len(last)


def test_thread_is_not_hedged() -> None:
    """In a thread there is nothing to race with: one attempt is made."""
    sends: list[int] = []

    assert pipeline(Hedge()).run_sync(lambda: sends.append(1)) is None
    assert sends == [1]


def test_wait_out_of_range_is_refused() -> None:
    """A hedge at once would double every call."""
    with pytest.raises(DeclarationError, match="out of range"):
        Hedge(shortest_seconds=0)


def test_hedge_beside_retry_is_refused() -> None:
    """Two layers multiply."""
    with pytest.raises(DeclarationError, match="multiply the sends"):
        Pipeline("it", Timeout(2), Retry(), Hedge())
