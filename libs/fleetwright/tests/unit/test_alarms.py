"""Alarms: as exact as a timer of the loop, and nearly free while they do not ring."""

import asyncio
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleetwright._deadline import Deadline, alarms_of
from fleetwright.errors import DeadlineExceeded
from fleetwright.testing import FakeClock, JumpingLoop

SECONDS = st.one_of(
    st.floats(0.0, 3.0),
    st.sampled_from([0.049, 0.05, 0.075, 30.0, 30.1, 100.0]),
)


@settings(deadline=None)  # a busy machine is no failure
@given(st.lists(st.tuples(st.floats(0, 1), SECONDS, SECONDS), max_size=20))
def test_every_block_is_cut_exactly_when_its_time_is_over(
    blocks: list[tuple[float, float, float]],
) -> None:
    """Begun at any time, of any length, some ended before: no slot is seen outside."""
    loop = JumpingLoop()
    try:
        loop.run_until_complete(_all_exact(blocks))
    finally:
        loop.close()


async def _all_exact(blocks: list[tuple[float, float, float]]) -> None:
    loop = asyncio.get_running_loop()

    async def block(begins: float, lasts: float, works: float) -> None:
        await asyncio.sleep(begins)
        began = loop.time()
        cut = False
        try:
            with Deadline.after(lasts):
                await asyncio.sleep(works)
        except DeadlineExceeded:
            cut = True
        took = loop.time() - began
        if abs(lasts - works) > 1e-6:
            assert cut == (lasts < works)
            assert took == pytest.approx(min(lasts, works), abs=1e-6)

    await asyncio.gather(*(block(*numbers) for numbers in blocks))


async def test_a_thousand_calls_wake_the_loop_a_few_times(clock: FakeClock) -> None:
    """Timers of calls that end in time are never set."""
    loop = asyncio.get_running_loop()
    set_timers = 0
    call_at = loop.call_at

    def counting(*args: object, **kwargs: object) -> asyncio.TimerHandle:
        nonlocal set_timers
        set_timers += 1
        return call_at(*args, **kwargs)  # type: ignore[arg-type]  # passed on

    loop.call_at = counting  # type: ignore[method-assign]  # counted on the real loop
    for _ in range(1_000):
        with Deadline.after(1.0):
            pass
    clock.advance(2.0)
    await asyncio.sleep(0)

    assert set_timers <= 2


async def test_slots_of_ended_blocks_are_given_back(clock: FakeClock) -> None:
    """After the last block has ended nothing is kept and nothing wakes the loop."""
    loop = asyncio.get_running_loop()
    for seconds in range(1, 20):
        with Deadline.after(float(seconds)):
            await asyncio.sleep(0.1)
    await asyncio.sleep(60)

    assert alarms_of(loop)._slots == {}
    assert alarms_of(loop)._wake is None


async def test_earlier_alarm_wakes_the_loop_earlier(clock: FakeClock) -> None:
    """An alarm set later may ring first."""

    async def cut(seconds: float) -> float:
        with suppress(DeadlineExceeded), Deadline.after(seconds):
            await asyncio.Event().wait()
        return clock.elapsed_seconds

    rung = tuple(await asyncio.gather(cut(5.0), cut(0.2), cut(1.0)))

    assert rung == (5.0, 0.2, 1.0)


async def test_outside_cancellation_in_the_tick_of_the_alarm_stays_one(
    clock: FakeClock,
) -> None:
    """Two cancellations: ours is taken back, the other one passes."""

    async def work() -> None:
        with Deadline.after(0.5):
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    asyncio.get_running_loop().call_later(0.5, task.cancel)

    with pytest.raises(asyncio.CancelledError):
        await task
    assert task.cancelled()


def test_each_loop_has_its_own() -> None:
    """Alarms live as long as their loop."""
    loops = [asyncio.new_event_loop(), asyncio.new_event_loop()]
    first, second = map(alarms_of, loops)

    assert first is not second
    assert alarms_of(loops[0]) is first
    for loop in loops:
        loop.close()
