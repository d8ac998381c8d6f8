"""Threads for sync work: bounded, cancelled before they begin, abandoned after."""

import asyncio
import gc
import threading
import weakref
from collections.abc import AsyncIterator
from contextvars import ContextVar

import pytest

from fleetwright._deadline import Deadline, current_deadline, end_deadline
from fleetwright._threads import Threads
from fleetwright.errors import FleetwrightError
from fleetwright.testing import FakeClock

word: ContextVar[str] = ContextVar("word", default="none")


@pytest.fixture
async def threads() -> AsyncIterator[Threads]:
    """Give two threads."""
    pool = Threads(2)
    yield pool
    await pool.close()


class Gate:
    """Work that begins, and ends when it is let go."""

    def __init__(self) -> None:
        """Stay closed."""
        self.begun = threading.Event()
        self.go = threading.Event()

    def pass_through(self) -> str:
        """Wait until let go."""
        self.begun.set()
        assert self.go.wait(60)
        return "through"


async def begun(gate: Gate) -> None:
    """Wait until work is in its thread."""
    assert await asyncio.to_thread(gate.begun.wait, 60)


async def test_work_returns_and_raises_as_in_its_thread(threads: Threads) -> None:
    """Its value or its error is what the waiting task gets."""

    def wrong() -> None:
        raise KeyError("mine")

    def odd() -> None:
        raise StopIteration

    assert await threads.run(lambda: 7) == 7
    with pytest.raises(KeyError, match="mine"):
        await threads.run(wrong)
    with pytest.raises(RuntimeError, match="StopIteration"):
        await threads.run(odd)


async def test_system_without_a_thread_to_spare_is_no_work_that_waits(
    threads: Threads, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The call fails, nothing stays behind, and the next one finds a thread again."""

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError, match="can't start"):
            await threads.run(lambda: 7)

    assert threads.facts()["waiting"] == 0
    assert [await threads.run(lambda: 7) for _ in range(3)] == [7, 7, 7]


async def test_work_sees_the_context_and_keeps_its_own_changes(
    threads: Threads,
) -> None:
    """What it sets is not seen outside, nor by the next work of the thread."""
    word.set("outer")

    def work() -> str:
        seen = word.get()
        word.set("inner")
        return seen

    assert [await threads.run(work) for _ in range(3)] == ["outer"] * 3
    assert word.get() == "outer"


async def test_no_more_threads_than_there_may_be(threads: Threads) -> None:
    """The third piece of work waits for the first to end."""
    gates = [Gate() for _ in range(3)]
    running = [asyncio.create_task(threads.run(gate.pass_through)) for gate in gates]
    await begun(gates[0])
    await begun(gates[1])

    assert threads.facts() == {"most": 2, "busy": 2, "waiting": 1, "abandoned": 0}
    assert not gates[2].begun.is_set()
    for gate in gates:
        gate.go.set()
    assert await asyncio.gather(*running) == ["through"] * 3


async def test_work_cancelled_before_it_begins_never_does(threads: Threads) -> None:
    """Its place in the queue is worth nothing."""
    gates = [Gate() for _ in range(3)]
    running = [asyncio.create_task(threads.run(gate.pass_through)) for gate in gates]
    await begun(gates[0])
    await begun(gates[1])
    running[2].cancel()
    with pytest.raises(asyncio.CancelledError):
        await running[2]
    gates[0].go.set()
    gates[1].go.set()
    await asyncio.gather(*running[:2])

    assert await threads.run(lambda: "next") == "next"
    assert not gates[2].begun.is_set()


async def test_work_cancelled_before_it_begins_is_let_go(threads: Threads) -> None:
    """What it holds, the body of a request, does not wait for a thread."""
    gates = [Gate(), Gate()]
    running = [asyncio.create_task(threads.run(gate.pass_through)) for gate in gates]
    for gate in gates:
        await begun(gate)
    late = Gate()
    held = weakref.ref(late)
    waiting = asyncio.create_task(threads.run(late.pass_through))
    del late
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    assert waiting.cancelled()
    del waiting
    gc.collect()

    assert held() is None
    assert threads.working_for(asyncio.get_running_loop()) == 2
    for gate in gates:
        gate.go.set()
    await asyncio.gather(*running)


async def test_work_cancelled_after_it_began_is_abandoned(threads: Threads) -> None:
    """The waiting task goes on at once; the drain waits a moment for the thread."""
    gate = Gate()
    running = asyncio.create_task(threads.run(gate.pass_through))
    await begun(gate)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert threads.facts()["abandoned"] == 1
    gate.go.set()
    await threads.drain()
    assert threads.facts()["busy"] == 0


async def test_check_fails_when_work_waits_for_a_thread(
    threads: Threads, clock: FakeClock
) -> None:
    """For a second; not before, and not when a thread is free again."""
    gates = [Gate() for _ in range(3)]
    running = [asyncio.create_task(threads.run(gate.pass_through)) for gate in gates]
    await begun(gates[0])
    await begun(gates[1])

    await threads.check()
    clock.advance(1.0)
    with pytest.raises(FleetwrightError, match="all 2 threads are busy, 1 calls wait"):
        await threads.check()
    for gate in gates:
        gate.go.set()
    await asyncio.gather(*running)
    await threads.check()


async def test_time_that_is_over_for_the_task_is_over_for_its_thread(
    threads: Threads,
) -> None:
    """A thread cannot be cut, but it shares the block of the deadline."""
    gate = Gate()

    def work() -> bool:
        gate.pass_through()
        deadline = current_deadline()
        return deadline is not None and deadline.expired

    with Deadline.after(20):
        running = asyncio.create_task(threads.run(work))
        await begun(gate)
        end_deadline()
        gate.go.set()
        assert await running is True
