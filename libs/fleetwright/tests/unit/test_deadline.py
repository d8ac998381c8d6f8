"""Deadlines: bound, inherited, enforced."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from fleetwright import Deadline, DeadlineExceeded
from fleetwright._clock import SystemClock, clock, use_clock
from fleetwright._deadline import current_deadline, lift_deadline
from fleetwright.testing import FakeClock


class StandingClock(SystemClock):
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        """Start at zero."""
        self.at = 0.0

    def monotonic(self) -> float:
        """Return what it was set to."""
        return self.at


def test_time_left_is_told_by_the_clock() -> None:
    """`left` falls with the clock and goes below zero."""
    with use_clock(StandingClock()) as standing:
        deadline = Deadline.after(2.0)
        assert isinstance(standing, StandingClock)
        standing.at = 3.0

        assert deadline.left() == -1.0
        assert deadline.expired


def test_clock_is_put_back() -> None:
    """After the block of `use_clock` the former clock counts again."""
    before = clock()
    with use_clock(StandingClock()):
        pass

    assert clock() is before


async def test_system_clock_sleeps_and_tells_the_time_of_day() -> None:
    """The time of day is that of the machine, and sleeping gives way to others."""
    system = SystemClock()
    before = system.now()
    await system.sleep(0)

    assert system.now() >= before


def test_block_binds_and_unbinds_without_a_loop() -> None:
    """In sync code a deadline is bound for the block and cuts nothing."""
    deadline = Deadline.after(-1)
    with deadline:
        assert current_deadline() is deadline

    assert current_deadline() is None


async def test_earlier_of_two_nested_deadlines_counts() -> None:
    """An inner block cannot give itself more time than the outer one has."""
    with Deadline.after(1) as outer, Deadline.after(5):
        assert current_deadline() is outer
        with Deadline.after(0.5) as inner:
            assert current_deadline() is inner
        assert current_deadline() is outer


async def test_block_is_cut_when_the_time_is_over() -> None:
    """What waits in the block is cancelled and leaves it as DeadlineExceeded."""
    cut = asyncio.Event()
    with pytest.raises(DeadlineExceeded) as caught, Deadline.after(0.01):
        try:
            await asyncio.Event().wait()
        finally:
            cut.set()

    assert cut.is_set()
    assert isinstance(caught.value.__cause__, asyncio.CancelledError)
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_outer_deadline_cuts_through_an_inner_block() -> None:
    """The outer deadline raises at the outer block, not at the inner one."""
    inner_raised = False
    with pytest.raises(DeadlineExceeded), Deadline.after(0.01):
        try:
            with Deadline.after(5):
                await asyncio.Event().wait()
        except DeadlineExceeded:
            inner_raised = True

    assert not inner_raised


async def test_foreign_cancellation_stays_a_cancellation() -> None:
    """A task that is cancelled from outside is not told a story about deadlines."""

    async def waits() -> None:
        with Deadline.after(60):
            await asyncio.Event().wait()

    task = asyncio.create_task(waits())
    await asyncio.sleep(0)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task


async def test_error_of_the_block_goes_through() -> None:
    """An exception of the body leaves the block unchanged."""
    with pytest.raises(KeyError), Deadline.after(60):
        raise KeyError("mine")


async def test_lifted_deadline_neither_binds_nor_cuts() -> None:
    """After lifting, the block runs on past its time; calls out have no deadline."""
    with Deadline.after(0.01):
        lift_deadline()
        await asyncio.sleep(0.02)

        assert current_deadline() is None


def test_lifting_outside_of_a_block_does_nothing() -> None:
    """Without a deadline there is nothing to lift."""
    lift_deadline()

    assert current_deadline() is None


async def test_tasks_started_in_the_block_inherit_it() -> None:
    """A task started under a deadline sees it."""

    async def sees() -> Deadline | None:
        return current_deadline()

    with Deadline.after(5) as deadline:
        assert await asyncio.create_task(sees()) is deadline


async def _numbers(seconds: float) -> AsyncGenerator[int, None]:
    with Deadline.after(seconds):
        for number in range(3):
            yield number


async def test_block_of_an_abandoned_generator_is_left_with_the_one_around_it(
    clock: FakeClock,
) -> None:
    """After a block nothing of it is bound and nothing in it cuts any more."""
    numbers = _numbers(0.2)
    with Deadline.after(0.3):
        async for _ in numbers:
            break

    assert current_deadline() is None
    await clock.sleep(1.0)
    await numbers.aclose()
    assert current_deadline() is None


async def test_generator_closed_late_leaves_no_block_but_its_own(
    clock: FakeClock,
) -> None:
    """A block that is over cannot end the one that runs now."""
    numbers = _numbers(0.2)
    with Deadline.after(0.3):
        async for _ in numbers:
            break
    with pytest.raises(DeadlineExceeded), Deadline.after(0.5) as now_bound:
        await numbers.aclose()
        assert current_deadline() is now_bound
        await clock.sleep(1.0)


async def test_time_of_an_abandoned_generator_is_told_as_time(
    clock: FakeClock,
) -> None:
    """Its alarm may ring in the block around it; that is no bare cancellation."""
    numbers = _numbers(0.2)
    with pytest.raises(DeadlineExceeded), Deadline.after(5.0):
        async for _ in numbers:
            break
        await clock.sleep(1.0)

    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    assert current_deadline() is None
    await numbers.aclose()


async def test_one_deadline_may_be_entered_again() -> None:
    """Each way out ends the innermost block of it."""
    deadline = Deadline.after(1.0)
    with deadline:
        with deadline:
            pass
        assert current_deadline() is deadline

    assert current_deadline() is None
