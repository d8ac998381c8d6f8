"""The bulkhead: places, the line for them, and none ever lost."""

import asyncio
import sys
import threading
from contextlib import suppress
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleetwright._deadline import Deadline
from fleetwright.errors import DeadlineExceeded, DeclarationError, Unavailable
from fleetwright.resilience import (
    Bulkhead,
    CallRejected,
    Pipeline,
    PolicyEvent,
    Timeout,
)
from fleetwright.resilience._bulkhead import TaskWaiter, ThreadWaiter
from fleetwright.testing import FakeClock, JumpingLoop


class Provider:
    """Answers when it is told to.

    Attributes:
        now: How many calls it holds.
        most: The most it ever held.
    """

    def __init__(self) -> None:
        """Hold nothing."""
        self.now = self.most = 0
        self.answers = asyncio.Event()

    async def ask(self) -> str:
        """Hold the call until the answer may go out."""
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await self.answers.wait()
        finally:
            self.now -= 1
        return "answer"


def guarded(
    bulkhead: Bulkhead, told: list[PolicyEvent] | None = None, *, seconds: float = 5.0
) -> Pipeline:
    """Return a pipeline with a bulkhead and nothing else."""
    listener = None if told is None else told.append
    return Pipeline("it", Timeout(seconds), bulkhead, listener=listener)


async def test_places_and_line_are_bounded(clock: FakeClock) -> None:
    """Two are answered, one waits, the rest is refused at once."""
    told: list[PolicyEvent] = []
    pipeline = guarded(Bulkhead(2, waiting=1), told)
    provider = Provider()
    tasks = [asyncio.create_task(pipeline.run(provider.ask)) for _ in range(5)]
    await asyncio.sleep(0.01)
    assert pipeline.facts() == {"bulkhead": {"places": 2, "used": 2, "waiting": 1}}

    provider.answers.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)

    refused = [error for error in results if isinstance(error, Unavailable)]
    assert (provider.most, len(refused)) == (2, 2)
    assert refused[0].reason == "rejected"
    assert told == [CallRejected("it", "bulkhead", 1)] * 2
    assert pipeline.facts() == {"bulkhead": {"places": 2, "used": 0, "waiting": 0}}


async def test_waiter_is_refused_after_its_limit(clock: FakeClock) -> None:
    """A place that comes too late is no use."""
    pipeline = guarded(Bulkhead(1, waiting=4, wait_seconds=0.1))
    provider = Provider()
    first = asyncio.create_task(pipeline.run(provider.ask))
    await asyncio.sleep(0)

    with pytest.raises(Unavailable, match=r"none became free in 0\.1 s"):
        await pipeline.run(provider.ask)

    assert clock.elapsed_seconds == 0.1
    provider.answers.set()
    assert await first == "answer"


async def test_waiter_whose_time_is_over_has_exceeded_its_deadline(
    clock: FakeClock,
) -> None:
    """It was not refused: it could not wait."""
    pipeline = guarded(Bulkhead(1, waiting=4, wait_seconds=0.1))
    provider = Provider()
    first = asyncio.create_task(pipeline.run(provider.ask))
    await asyncio.sleep(0)

    with pytest.raises(DeadlineExceeded), Deadline.after(0.05):
        await pipeline.run(provider.ask)

    assert clock.elapsed_seconds == 0.045
    provider.answers.set()
    await first


async def test_line_is_served_in_order(clock: FakeClock) -> None:
    """Who came first gets the place first."""
    pipeline = guarded(Bulkhead(1, waiting=8))
    order: list[int] = []

    async def ask(number: int) -> None:
        await asyncio.sleep(0.001)
        order.append(number)

    await asyncio.gather(*(pipeline.run(ask, number) for number in range(8)))

    assert order == list(range(8))


async def test_place_handed_to_a_waiter_cancelled_in_that_tick_is_passed_on(
    clock: FakeClock,
) -> None:
    """Neither lost nor doubled: the next in line gets it."""
    bulkhead = Bulkhead(1, waiting=8)
    pipeline = guarded(bulkhead)
    provider = Provider()
    tasks = [asyncio.create_task(pipeline.run(provider.ask)) for _ in range(3)]
    await asyncio.sleep(0)

    provider.answers.set()  # the first will end and hand its place to the second
    for _ in range(100):
        if bulkhead.facts()["waiting"] == 1:
            break
        await asyncio.sleep(0)
    tasks[1].cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)

    assert isinstance(results[1], asyncio.CancelledError)
    assert (results[0], results[2]) == ("answer", "answer")
    assert bulkhead.facts() == {"places": 1, "used": 0, "waiting": 0}


@settings(deadline=None)  # a busy machine is no failure
@given(st.integers(1, 4), st.integers(0, 4), st.integers(0, 2**32))
def test_places_are_conserved_whoever_is_cancelled(
    places: int, waiting: int, seed: int
) -> None:
    """At rest every place is free; never more than all of them are used."""
    bulkhead = Bulkhead(places, waiting=waiting, wait_seconds=0.05)
    loop = JumpingLoop()
    try:
        chance = Random(seed)  # noqa: S311 - no secret
        most = loop.run_until_complete(_crowd(guarded(bulkhead), chance))
    finally:
        loop.close()

    assert most <= places
    assert bulkhead.facts() == {"places": places, "used": 0, "waiting": 0}


async def _crowd(pipeline: Pipeline, random: Random) -> int:
    """Send thirty calls, cancel some; return how many ran at a time at most."""
    running = most = 0

    async def ask() -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        try:
            await asyncio.sleep(random.choice((0.0, 0.01, 0.02)))
        finally:
            running -= 1

    async def call() -> None:
        with suppress(Unavailable):
            await pipeline.run(ask)

    loop = asyncio.get_running_loop()
    tasks = []
    for _ in range(30):
        task = asyncio.create_task(call())
        if random.random() < 0.4:
            loop.call_later(random.choice((0.0, 0.01, 0.02, 0.05)), task.cancel)
        tasks.append(task)
        await asyncio.sleep(random.choice((0.0, 0.0, 0.01)))
    await asyncio.gather(*tasks, return_exceptions=True)
    return most


def test_threads_share_the_places_with_one_another() -> None:
    """`run_sync` waits in the same line, and a thread hands its place on."""
    bulkhead = Bulkhead(2, waiting=16, wait_seconds=60.0)
    pipeline = guarded(bulkhead, seconds=60.0)  # in real time, with threads
    lock = threading.Lock()
    running = most = 0
    met = threading.Barrier(2, timeout=60)

    def ask() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        met.wait()  # goes on only if two are in here together
        with lock:
            running -= 1

    threads = [
        threading.Thread(target=pipeline.run_sync, args=(ask,)) for _ in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert most == 2
    assert bulkhead.facts() == {"places": 2, "used": 0, "waiting": 0}


def test_place_given_back_before_one_stands_in_line_is_not_overlooked() -> None:
    """Between finding none and standing in line, another thread may give one back."""
    bulkhead = Bulkhead(1, waiting=1)
    assert bulkhead.enter()
    assert not bulkhead.enter()
    bulkhead.leave()
    waiter = ThreadWaiter()

    assert bulkhead.stand_in_line(waiter)

    assert waiter.woken.is_set()
    assert bulkhead.facts() == {"places": 1, "used": 1, "waiting": 0}


def test_threads_lose_no_place_and_no_wake() -> None:
    """Two thousand calls of eight threads through two places: all are answered."""
    bulkhead = Bulkhead(2, waiting=8, wait_seconds=60.0)
    pipeline = guarded(bulkhead, seconds=60.0)
    answered: list[str] = []

    def many() -> None:
        for _ in range(250):
            answered.append(pipeline.run_sync(lambda: "answer"))

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)  # threads take turns in the worst places
    try:
        threads = [threading.Thread(target=many) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
    finally:
        sys.setswitchinterval(before)

    assert len(answered) == 2_000
    assert bulkhead.facts() == {"places": 2, "used": 0, "waiting": 0}


async def test_tasks_and_threads_stand_in_one_line() -> None:
    """A thread gives its place to a task, and a task to a thread."""
    bulkhead = Bulkhead(1, waiting=20, wait_seconds=20.0)
    pipeline = guarded(bulkhead)

    async def in_task() -> str:
        return await pipeline.run(asyncio.sleep, 0.001, "task")

    def in_thread() -> str:
        return pipeline.run_sync(lambda: "thread")

    results = await asyncio.gather(
        *(in_task() for _ in range(8)),
        *(asyncio.to_thread(in_thread) for _ in range(8)),
    )

    assert results == ["task"] * 8 + ["thread"] * 8
    assert bulkhead.facts() == {"places": 1, "used": 0, "waiting": 0}


def test_thread_is_refused_after_its_limit() -> None:
    """A thread does not wait for a place for ever."""
    bulkhead = Bulkhead(1, waiting=1, wait_seconds=0.01)
    pipeline = guarded(bulkhead)
    assert bulkhead.enter()

    with pytest.raises(Unavailable, match="none became free"):
        pipeline.run_sync(lambda: None)

    assert bulkhead.facts() == {"places": 1, "used": 1, "waiting": 0}


def test_place_is_not_lost_with_the_loop_of_its_waiter() -> None:
    """A waiter whose loop is closed is passed over."""
    bulkhead = Bulkhead(1, waiting=2)
    assert bulkhead.enter()

    async def wait() -> None:
        assert bulkhead.stand_in_line(TaskWaiter())

    asyncio.run(wait())
    bulkhead.leave()

    assert bulkhead.facts() == {"places": 1, "used": 0, "waiting": 0}


@pytest.mark.parametrize(
    ("places", "waiting", "wait_seconds"), [(0, 0, 1), (1, -1, 1), (1, 0, 0)]
)
def test_numbers_out_of_range_are_refused(
    places: int, waiting: int, wait_seconds: float
) -> None:
    """At least one place, no negative line, some time to wait."""
    with pytest.raises(DeclarationError, match="out of range"):
        Bulkhead(places, waiting=waiting, wait_seconds=wait_seconds)
