"""Calls that stay within their time and are tried again where that is safe."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleetwright._deadline import Deadline, current_deadline
from fleetwright.errors import DeadlineExceeded, Refused, Unavailable
from fleetwright.resilience import (
    AnswerUnreadable,
    Pipeline,
    PolicyEvent,
    Retry,
    RetryBudget,
    RetryScheduled,
    RetryStopped,
    TimedOut,
    Timeout,
)
from fleetwright.testing import FakeClock, JumpingLoop


class NoChance:
    """A source of chance that always draws the lowest number."""

    def uniform(self, a: float, b: float) -> float:
        """Return `a`."""
        return a


class Provider:
    """Answers from a script: a number of seconds is a wait, an error is raised."""

    def __init__(self, *script: float | Exception) -> None:
        """Follow `script`, one entry for each send; then answer at once."""
        self.script = list(script)
        self.sends = 0

    async def ask(self) -> str:
        """Do what the script says next."""
        self.sends += 1
        if self.script:
            step = self.script.pop(0)
            if isinstance(step, Exception):
                raise step
            await asyncio.sleep(step)
        return "answer"


def down() -> Unavailable:
    """Return what a provider that is down looks like."""
    return Unavailable("it is down", reason="status", status=503)


def pipeline(
    total: float = 2.0,
    each: float = 0.5,
    attempts: int = 3,
    listener: Callable[[PolicyEvent], None] | None = None,
) -> Pipeline:
    """Return a pipeline that does not wait between attempts."""
    retry = Retry(attempts, random=NoChance())
    return Pipeline("it", Timeout(total), retry, Timeout(each), listener=listener)


async def test_failure_that_passes_is_not_seen(clock: FakeClock) -> None:
    """Two failures and an answer are an answer."""
    provider = Provider(down(), down())

    assert await pipeline().run(provider.ask) == "answer"
    assert provider.sends == 3


async def test_last_real_failure_is_raised_with_what_ended_it(clock: FakeClock) -> None:
    """The caller gets the provider's own failure, with notes."""
    last = down()
    provider = Provider(down(), down(), last)

    with pytest.raises(Unavailable) as caught:
        await pipeline().run(provider.ask)

    assert caught.value is last
    assert last.__notes__[0] == "attempts: 3, stopped by: attempts"


async def test_refusal_passes_at_once(clock: FakeClock) -> None:
    """Asking again gives the same no."""
    provider = Provider(Refused("no", status=409))

    with pytest.raises(Refused):
        await pipeline().run(provider.ask)

    assert provider.sends == 1


async def test_slow_attempt_is_cut_and_tried_again(clock: FakeClock) -> None:
    """The limit of one attempt turns a hanging send into a failure that may pass."""
    provider = Provider(60.0)

    assert await pipeline().run(provider.ask) == "answer"
    assert clock.elapsed_seconds == 0.5


async def test_attempt_that_is_always_slow_is_a_timeout(clock: FakeClock) -> None:
    """What is raised in the end says `timeout` and not `deadline`."""
    with pytest.raises(Unavailable) as caught:
        await pipeline(attempts=2).run(Provider(60.0, 60.0).ask)

    assert (caught.value.reason, clock.elapsed_seconds) == ("timeout", 1.0)
    assert caught.value.__notes__[1] == (
        "the attempt before: it did not answer within 0.5 s"
    )


async def test_whole_call_stays_within_its_limit(clock: FakeClock) -> None:
    """The attempt that is under way when the time is over is cut."""
    provider = Provider(down(), 60.0, 60.0)

    with pytest.raises(DeadlineExceeded):
        await pipeline(total=0.8, each=0.5).run(provider.ask)

    assert (provider.sends, clock.elapsed_seconds) == (3, 0.8)


async def test_deadline_of_the_caller_counts_when_it_is_earlier(
    clock: FakeClock,
) -> None:
    """Five milliseconds are left to say that there is no answer."""
    with pytest.raises(DeadlineExceeded), Deadline.after(0.3):
        await pipeline().run(Provider(60.0).ask)

    assert clock.elapsed_seconds == 0.295


async def test_nothing_is_sent_when_no_time_is_left(clock: FakeClock) -> None:
    """Less than five milliseconds are not worth a send."""
    provider = Provider()

    with pytest.raises(DeadlineExceeded, match="no time left"), Deadline.after(0.008):
        await pipeline().run(provider.ask)

    assert provider.sends == 0


async def test_calls_within_an_attempt_see_what_it_has_left(clock: FakeClock) -> None:
    """The limit of the attempt is the deadline that travels on."""

    async def look() -> float:
        deadline = current_deadline()
        assert deadline is not None
        return round(deadline.left(), 6)

    assert await pipeline(each=0.5).run(look) == 0.5


async def test_deadline_of_what_was_called_is_its_own(clock: FakeClock) -> None:
    """A shorter limit inside is not taken for ours, and not tried again."""
    sends = []

    async def ask() -> None:
        sends.append(1)
        with Deadline.after(0.1):
            await asyncio.sleep(60)

    with pytest.raises(DeadlineExceeded):
        await pipeline(each=0.5).run(ask)

    assert (len(sends), clock.elapsed_seconds) == (1, 0.1)


@pytest.mark.parametrize("after", [0.1, 0.5, 0.501, 0.75])
async def test_cancellation_from_outside_stays_one(
    clock: FakeClock, after: float
) -> None:
    """In a send, in the tick of a timeout, or in a wait: the task ends cancelled."""
    retry = Retry(3, first_seconds=0.5)
    slow = Pipeline("it", Timeout(5.0), retry, Timeout(0.5))
    task = asyncio.create_task(slow.run(Provider(60.0, 60.0, 60.0).ask))

    await asyncio.sleep(after)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert task.cancelled()


async def test_timeout_of_the_caller_keeps_its_type(clock: FakeClock) -> None:
    """`asyncio.timeout` around a call raises `TimeoutError`, not ours."""
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await pipeline().run(Provider(60.0).ask)


async def test_listener_is_told_what_the_policies_did(clock: FakeClock) -> None:
    """A timeout, a retry and the end, in the order they happened."""
    told: list[PolicyEvent] = []

    with pytest.raises(Unavailable):
        await pipeline(attempts=2, listener=told.append).run(Provider(60.0, down()).ask)

    assert told == [
        TimedOut("it", "attempt", 1),
        RetryScheduled("it", 1, 0.0, "timeout"),
        RetryStopped("it", 2, "attempts", "status"),
    ]


async def test_listener_that_fails_changes_nothing(clock: FakeClock) -> None:
    """What watches a call cannot break it."""

    def broken(event: PolicyEvent) -> None:
        raise RuntimeError("no")

    assert await pipeline(listener=broken).run(Provider(down()).ask) == "answer"


async def test_outage_adds_no_more_sends_than_the_budget(clock: FakeClock) -> None:
    """A provider that is down gets a tenth more than its callers asked for."""
    retry = Retry(budget=RetryBudget(ratio=0.1, floor=3))
    guarded = Pipeline("it", Timeout(2.0), retry)
    provider = Provider(*[down() for _ in range(400)])

    for _ in range(200):
        with pytest.raises(Unavailable):
            await guarded.run(provider.ask)

    assert 200 < provider.sends <= 200 * 1.1 + 3 + 1


async def test_pipeline_without_limits_waits_as_long_as_it_takes(
    clock: FakeClock,
) -> None:
    """Who says why may leave the limit out."""
    endless = Pipeline("it", unbounded_because="a report may take an hour")

    assert await endless.run(Provider(3_600.0).ask) == "answer"
    assert clock.elapsed_seconds == 3_600


async def test_failure_without_retry_is_raised_as_it_is(clock: FakeClock) -> None:
    """A pipeline may be a limit in time and nothing else."""
    error = down()

    with pytest.raises(Unavailable) as caught:
        await Pipeline("it", Timeout(1.0)).run(Provider(error).ask)

    assert caught.value is error


STEP = st.one_of(st.floats(0, 1.2), st.just("down"), st.just("refuse"))


@settings(deadline=None)  # a busy machine is no failure
@given(st.lists(STEP, max_size=6), st.floats(0.05, 3), st.integers(1, 5))
def test_call_is_bounded_in_time_and_sends(
    script: list[float | str], total: float, attempts: int
) -> None:
    """Whatever the provider does: within the limit, and never more than `attempts`."""
    steps: list[float | Exception] = [
        (
            down()
            if step == "down"
            else (
                Refused("no", status=409)
                if step == "refuse"
                # floats are the only other steps
                else float(step)
            )
        )
        for step in script
    ]
    provider = Provider(*steps)
    loop = JumpingLoop()
    each = min(0.5, total)
    guarded = Pipeline("it", Timeout(total), Retry(attempts), Timeout(each))
    try:
        loop.run_until_complete(_outcome(guarded, provider))
    finally:
        loop.close()

    assert loop.clock.elapsed_seconds <= total + 1e-6
    assert provider.sends <= attempts


async def _outcome(guarded: Pipeline, provider: Provider) -> None:
    with suppress(Unavailable, Refused):
        assert await guarded.run(provider.ask) == "answer"


def test_sync_call_is_tried_again() -> None:
    """`run_sync` follows the same rules in a thread."""
    script: list[Exception] = [down(), down()]

    def ask() -> str:
        if script:
            raise script.pop()
        return "answer"

    assert pipeline().run_sync(ask) == "answer"


def test_sync_call_sees_its_deadline_and_ends_with_the_last_failure() -> None:
    """The limit is bound for what heeds it; failures carry notes."""
    seen: list[float] = []

    def ask() -> None:
        deadline = current_deadline()
        seen.append(deadline.left() if deadline else 0.0)
        raise down()

    with pytest.raises(Unavailable) as caught:
        pipeline(attempts=2, each=0.5).run_sync(ask)

    assert all(0.3 < left <= 0.5 for left in seen)
    assert caught.value.__notes__[0] == "attempts: 2, stopped by: attempts"


async def test_sync_call_inside_a_loop_is_refused() -> None:
    """It would stop everything else that runs on the loop."""
    with pytest.raises(RuntimeError, match=r"await pipeline\.run"):
        pipeline().run_sync(lambda: None)


async def test_failure_says_how_often_it_was_tried(clock: FakeClock) -> None:
    """Whoever answers with it can say that it was tried again in vain."""
    with pytest.raises(Unavailable) as caught:
        await pipeline().run(Provider(down(), down(), down()).ask)

    assert caught.value.sends == 3


async def test_answer_that_does_not_fit_is_told(clock: FakeClock) -> None:
    """It is no outage, but somebody broke the contract."""
    told: list[PolicyEvent] = []
    broken = Unavailable("what is this", reason="invalid_answer", status=200)

    with pytest.raises(Unavailable):
        await pipeline(listener=told.append).run(Provider(broken).ask)

    assert told[0] == AnswerUnreadable("it", 1)


@settings(deadline=None)  # a busy machine is no failure
@given(
    total=st.floats(0.05, 5),
    share=st.floats(0.05, 1),
    outer=st.none() | st.floats(0.02, 5),
    waited=st.floats(0, 0.04),
)
def test_attempt_gets_the_least_of_what_all_limits_leave(
    total: float, share: float, outer: float | None, waited: float
) -> None:
    """Its own limit, what is left of the call, and the caller's, less 5 ms to tell."""
    each = total * share
    left: list[float] = []

    async def look() -> None:
        deadline = current_deadline()
        assert deadline is not None
        left.append(deadline.left())
        if len(left) == 1:
            await asyncio.sleep(min(waited, each / 2))
            raise down()

    async def call() -> None:
        with suppress(Unavailable):
            if outer is None:
                await pipeline(total=total, each=each).run(look)
            else:
                with Deadline.after(outer):
                    await pipeline(total=total, each=each).run(look)

    loop = JumpingLoop()
    try:
        loop.run_until_complete(call())
    finally:
        loop.close()
    ends = total if outer is None else min(total, outer - 0.005)
    assert left[0] == pytest.approx(min(each, ends))
    if len(left) > 1:
        assert left[1] == pytest.approx(min(each, ends - min(waited, each / 2)))
