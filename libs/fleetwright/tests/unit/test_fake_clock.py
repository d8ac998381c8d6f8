"""Time under the control of a test."""

import asyncio
import socket
import sqlite3
import threading
import time

import anyio.to_thread
import pytest

from fleetwright._clock import clock as current_clock
from fleetwright._deadline import Deadline
from fleetwright._sqlite import working
from fleetwright.errors import DeadlineExceeded
from fleetwright.testing import FakeClock, JumpingLoop, _clock


async def test_hour_passes_at_once(clock: FakeClock) -> None:
    """What waits is woken in order, and the real clock hardly moves."""
    started = time.perf_counter()
    order: list[int] = []

    async def wait(seconds: int) -> None:
        await asyncio.sleep(seconds)
        order.append(seconds)

    await asyncio.gather(wait(3_600), wait(60), wait(1_800))

    assert order == [60, 1_800, 3_600]
    assert clock.elapsed_seconds == 3_600
    assert time.perf_counter() - started < 60  # the shortest of the waits


async def test_clock_of_the_library_is_the_tests(clock: FakeClock) -> None:
    """Both kinds of time move together, whoever asks."""
    before = current_clock().now()

    await current_clock().sleep(5)

    assert current_clock() is clock
    assert current_clock().now() - before == pytest.approx(5)
    assert asyncio.get_running_loop().time() == clock.monotonic()


async def test_timeouts_and_deadlines_follow_it(clock: FakeClock) -> None:
    """`asyncio.timeout` and `Deadline` cut at their moment, exactly."""
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(7):
            await asyncio.sleep(60)
    with pytest.raises(DeadlineExceeded), Deadline.after(3):
        await asyncio.sleep(60)

    assert clock.elapsed_seconds == 10


async def test_time_stands_still_while_a_thread_works(clock: FakeClock) -> None:
    """A timer does not beat a thread that takes a moment of real time."""
    async with asyncio.timeout(0.05):
        await asyncio.to_thread(_busy)

    assert clock.elapsed_seconds == 0


async def test_time_stands_still_while_a_sync_handler_works(clock: FakeClock) -> None:
    """Frameworks run sync handlers in threads of anyio's."""
    async with asyncio.timeout(0.05):
        await anyio.to_thread.run_sync(_busy)

    await asyncio.sleep(1)  # the idle thread does not hold it afterwards
    assert clock.elapsed_seconds == 1


async def test_time_stands_still_while_sqlite_works(clock: FakeClock) -> None:
    """A statement in another thread is waited for in real time."""
    loop = asyncio.get_running_loop()
    done = asyncio.Event()

    def work() -> None:
        _busy()
        loop.call_soon_threadsafe(done.set)

    thread = threading.Thread(target=work)
    with working():
        thread.start()
        async with asyncio.timeout(0.05):
            await done.wait()
    thread.join()

    assert clock.elapsed_seconds == 0


async def test_sockets_are_looked_at_before_time_jumps(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a neighbour on this machine has sent arrives before the timeout."""
    # The look ends as soon as something comes: this is for a thread that gets no core.
    monkeypatch.setattr(_clock, "_NETWORK_SECONDS", 30.0)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        reader, writer = await asyncio.open_connection(sock=ours)
        sending = threading.Timer(0.01, theirs.sendall, (b"hello",))
        sending.start()
        async with asyncio.timeout(1):
            assert await reader.readexactly(5) == b"hello"
        sending.join()
        writer.close()
        await writer.wait_closed()

    assert clock.elapsed_seconds == 0


async def test_thread_may_wake_the_loop_when_no_timer_is_set(clock: FakeClock) -> None:
    """With nothing to jump to the loop waits in real time."""
    loop = asyncio.get_running_loop()
    done = asyncio.Event()
    waking = threading.Timer(0.02, loop.call_soon_threadsafe, (done.set,))
    waking.start()

    await done.wait()
    waking.join()

    assert clock.elapsed_seconds == 0


async def test_test_that_asks_for_no_clock_runs_in_real_time() -> None:
    """Only `clock` changes the loop."""
    assert not isinstance(asyncio.get_running_loop(), JumpingLoop)


def test_clock_of_a_sync_test_moves_when_told(clock: FakeClock) -> None:
    """Without a loop of its own the test lets time pass."""
    clock.advance(2.5)

    assert (clock.elapsed_seconds, current_clock()) == (2.5, clock)


def test_sleep_on_an_ordinary_loop_lets_time_pass() -> None:
    """The clock may be used without the loop that jumps."""
    clock = FakeClock()

    asyncio.run(clock.sleep(3))

    assert clock.elapsed_seconds == 3


def test_time_does_not_run_backwards() -> None:
    """Not even in a test."""
    with pytest.raises(ValueError, match="backwards"):
        FakeClock().advance(-1)


def _busy() -> None:
    """Work for a moment of real time, longer than a loop looks around."""
    ends = time.perf_counter() + 0.1
    while time.perf_counter() < ends:
        sqlite3.connect(":memory:").close()
