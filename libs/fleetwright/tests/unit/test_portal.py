"""Threads that have async work done on an event loop."""

import asyncio
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from types import FrameType

import pytest

from fleetwright import _portal
from fleetwright._deadline import Deadline, current_deadline
from fleetwright._portal import (
    Home,
    background,
    end_background,
    on_background_end,
    run_in_loop,
)
from fleetwright.errors import DeadlineExceeded, FleetwrightError

colour: ContextVar[str] = ContextVar("colour", default="none")


@pytest.fixture(autouse=True)
def _no_background() -> Iterator[None]:
    """Give a world without a background loop, and leave none."""
    end_background()
    yield
    end_background()


async def where() -> asyncio.AbstractEventLoop:
    """Return the loop this runs on."""
    return asyncio.get_running_loop()


async def forever() -> None:
    """Wait for what never comes."""
    await asyncio.Event().wait()


def test_work_is_done_on_one_background_loop_and_its_outcome_returned() -> None:
    """One loop for all threads, started at the first need."""
    first, second = run_in_loop(where), run_in_loop(where)

    assert first is second is background().loop


def test_error_of_the_work_is_raised_in_the_thread() -> None:
    """Also one that the waiting itself could raise."""

    async def fail() -> None:
        raise TimeoutError("theirs")

    with pytest.raises(TimeoutError, match="theirs"):
        run_in_loop(fail)


async def test_work_goes_to_the_loop_that_is_named() -> None:
    """The service's loop does what its threads ask for."""
    here = asyncio.get_running_loop()

    assert await asyncio.to_thread(run_in_loop, where, Home(here)) is here


async def test_loop_of_the_thread_is_not_blocked() -> None:
    """It would wait for itself for ever; the error names the method and the mend."""
    with pytest.raises(RuntimeError, match=r"Shelf.find\(\) is sync"):
        run_in_loop(where, what="Shelf.find()")


def test_work_sees_the_context_of_the_thread_and_keeps_its_own() -> None:
    """What the thread bound is there; what the work sets stays with the work."""

    async def paint() -> str:
        seen = colour.get()
        colour.set("red")
        return seen

    colour.set("green")

    assert run_in_loop(paint) == "green"
    assert colour.get() == "green"


def test_deadline_of_the_thread_cuts_the_work() -> None:
    """In time, although nothing in the thread itself could be cut."""
    ended = threading.Event()

    async def work() -> None:
        assert current_deadline() is not None
        try:
            await forever()
        finally:
            ended.set()

    began = time.monotonic()
    with pytest.raises(DeadlineExceeded), Deadline.after(0.1):
        run_in_loop(work)

    assert ended.is_set()
    assert time.monotonic() - began >= 0.1  # and not for ever, as the work


WAITING = ("fleetwright", "concurrent", "threading", "asyncio")


@contextmanager
def interrupted_after(steps: int) -> Iterator[list[str]]:
    """Interrupt this thread as it enters the function after so many; say which."""
    left = steps
    places: list[str] = []

    def trace(frame: FrameType, event: str, _: object) -> None:
        nonlocal left
        # Not in what cleans up after objects: what is raised there is dropped.
        if any(part in frame.f_code.co_filename for part in WAITING):
            left -= 1
            if left < 0:
                places.append(frame.f_code.co_qualname)
                raise KeyboardInterrupt

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield places
    finally:
        sys.settrace(before)


def test_interrupted_thread_leaves_no_work_behind() -> None:
    """Ctrl-C ends the wait and the work."""
    script = """
        import asyncio, os
        from fleetwright._portal import run_in_loop

        async def work():
            os.kill(os.getpid(), 2)
            try:
                await asyncio.Event().wait()
            finally:
                print("ended")

        try:
            run_in_loop(work)
        except KeyboardInterrupt:
            print("interrupted")
    """
    assert in_a_process(script) == "ended\ninterrupted\n"


def test_interrupt_at_any_moment_leaves_the_loop_alive() -> None:
    """Whichever function the waiting thread is just in, the loop works on."""

    async def work() -> int:
        await asyncio.sleep(0.001)
        return 42

    steps = 0
    while True:
        with suppress(KeyboardInterrupt), interrupted_after(steps) as places:
            assert run_in_loop(work) == 42
        alive = threading.Event()
        background().loop.call_soon_threadsafe(alive.set)
        assert alive.wait(60), f"the loop stands still: interrupted at {places}"
        if not places:
            break
        steps += 1
    assert steps > 10


def test_thread_is_told_when_the_loop_ends_first() -> None:
    """It does not wait for ever for a loop that is gone."""
    running = threading.Event()

    async def work() -> None:
        running.set()
        await forever()

    def end() -> None:
        running.wait()
        end_background()

    ending = threading.Thread(target=end)
    ending.start()
    with pytest.raises(FleetwrightError, match="stopped before the work was done"):
        run_in_loop(work)
    ending.join()


def test_loop_that_stops_without_a_word_is_noticed() -> None:
    """A thread looks after its loop while it waits."""

    async def work() -> None:
        asyncio.get_running_loop().stop()
        await forever()

    with pytest.raises(FleetwrightError, match="stopped before the work was done"):
        run_in_loop(work)


def test_what_was_opened_in_the_background_is_closed_at_its_end() -> None:
    """The last first, on that loop."""
    closed: list[tuple[int, asyncio.AbstractEventLoop]] = []

    async def close(number: int) -> None:
        closed.append((number, asyncio.get_running_loop()))

    loop = background().loop
    on_background_end(lambda: close(1))
    on_background_end(lambda: close(2))
    end_background()

    assert closed == [(2, loop), (1, loop)]


def test_what_does_not_end_keeps_no_process_from_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A task that takes no notice of being cancelled is left behind."""
    monkeypatch.setattr(_portal, "_END_SECONDS", 0.1)
    asked = threading.Event()

    async def stubborn() -> None:
        while True:
            try:
                await forever()
            except asyncio.CancelledError:
                asked.set()

    async def begin() -> "asyncio.Task[None]":
        task = asyncio.create_task(stubborn())
        await asyncio.sleep(0)
        return task

    task = run_in_loop(begin)
    end_background()

    assert asked.wait(60)
    assert not task.done()


def test_child_of_a_fork_starts_a_loop_of_its_own() -> None:
    """Nobody runs the copy of the parent's loop; the parent's goes on."""
    script = """
        import os
        from fleetwright._portal import background, run_in_loop

        async def answer():
            return 42

        home = background()
        assert run_in_loop(answer) == 42
        child = os.fork()
        if child == 0:
            assert not home.is_alive
            assert run_in_loop(answer, home) == 42
            os._exit(0 if background() is not home else 1)
        _, status = os.waitpid(child, 0)
        assert run_in_loop(answer, home) == 42
        print(os.waitstatus_to_exitcode(status))
    """
    assert in_a_process(script) == "0\n"


def in_a_process(script: str) -> str:
    """Return what a script prints, in a process that hears Ctrl-C."""
    heard = "import signal; signal.signal(2, signal.default_int_handler)\n"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", heard + textwrap.dedent(script)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stderr == ""
    return done.stdout
