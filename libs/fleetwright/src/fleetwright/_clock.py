"""Clock: the only way to tell the time and to wait."""

import asyncio
import time
from asyncio import _get_running_loop
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol


class Clock(Protocol):
    """Anything that tells the time and can wait.

    Safe to use from several tasks and threads.
    """

    def monotonic(self) -> float:
        """Return seconds that never run backwards; the zero means nothing."""
        ...

    def now(self) -> float:
        """Return the time of day, in seconds since 1970 (UTC)."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait.

        Args:
            seconds: How long; zero or less only lets other tasks run.
        """
        ...


class SystemClock:
    """The machine's clock; inside an event loop, the loop's own time."""

    __slots__ = ()

    def monotonic(self) -> float:
        """Return the running loop's time, else the machine's monotonic time."""
        loop = _get_running_loop()  # the public one raises where none runs
        return time.monotonic() if loop is None else loop.time()

    def now(self) -> float:
        """Return the time of day, in seconds since 1970 (UTC)."""
        return time.time()

    async def sleep(self, seconds: float) -> None:
        """Wait on the running loop.

        Args:
            seconds: How long; zero or less only lets other tasks run.
        """
        await asyncio.sleep(seconds)


_clock: Clock = SystemClock()


def clock() -> Clock:
    """Return the clock of this process."""
    return _clock


def here() -> tuple[asyncio.AbstractEventLoop | None, Callable[[], float]]:
    """Return the running loop, if any, and what tells the clock's time on it.

    For hot paths that tell the time more than once: asking which loop runs asks the
    system which process this is.
    """
    loop = _get_running_loop()
    if type(_clock) is SystemClock:
        return loop, time.monotonic if loop is None else loop.time
    return loop, _clock.monotonic


@contextmanager
def use_clock(replacement: Clock) -> Iterator[Clock]:
    """Make `replacement` the clock of this process for a while.

    For tests: the clock is one per process, not per task.

    Args:
        replacement: The clock to use inside the block.

    Yields:
        The replacement.
    """
    global _clock
    previous, _clock = _clock, replacement
    try:
        yield replacement
    finally:
        _clock = previous
