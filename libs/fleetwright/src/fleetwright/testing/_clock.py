"""FakeClock and the event loop that jumps over waiting.

While a test runs on the loop, time stands still until nothing can go on without it;
then it jumps to the next timer. So an hour of backing off passes in a millisecond, and
always in the same way.
"""

import asyncio
import selectors
import sys
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from typing import Any, TypeVar
from typing import cast as typed

T = TypeVar("T")
_START_SECONDS = 1_000.0
_EPOCH_SECONDS = 1_893_456_000.0  # 1 January 2030, 00:00 UTC
_SLICE_SECONDS = 0.005  # how long to look for what threads and neighbours send
_NETWORK_SECONDS = 0.05
_STUCK_SECONDS = 20.0


class FakeClock:
    """Time under the control of a test.

    Attributes:
        elapsed_seconds: How much time has passed since the test began.
    """

    def __init__(self) -> None:
        """Start at the same moment in every test."""
        self._passed_seconds = 0.0

    @property
    def elapsed_seconds(self) -> float:
        """How much time has passed since the test began, in seconds."""
        return round(self._passed_seconds, 6)

    def monotonic(self) -> float:
        """Return seconds that never run backwards."""
        return _START_SECONDS + self._passed_seconds

    def now(self) -> float:
        """Return the time of day, in seconds since 1970; a test begins in 2030."""
        return _EPOCH_SECONDS + self._passed_seconds

    def advance(self, seconds: float) -> None:
        """Let time pass; what waits for it goes on at the next `await`.

        Args:
            seconds: How much; 0 or more.

        Raises:
            ValueError: Time does not run backwards.
        """
        if seconds < 0:
            raise ValueError(f"time does not run backwards: {seconds} seconds")
        self._passed_seconds += seconds

    async def sleep(self, seconds: float) -> None:
        """Wait; on a loop with a time of its own, let the time pass instead.

        Args:
            seconds: How long; zero or less only lets other tasks run.
        """
        if isinstance(asyncio.get_running_loop(), JumpingLoop):
            await asyncio.sleep(seconds)
            return
        self.advance(max(0.0, seconds))
        await asyncio.sleep(0)


class JumpingLoop(asyncio.SelectorEventLoop):
    """An event loop whose time jumps to the next timer when nothing else can happen.

    It does not jump while threads work for it (`run_in_executor`, `to_thread`, sync
    handlers, SQLite); with sockets open it looks at them for a moment before a jump.

    Attributes:
        clock: Its time.
    """

    def __init__(self, clock: FakeClock | None = None) -> None:
        """Start with nothing to do.

        Args:
            clock: The time to run by; a new one when left out.
        """
        self.clock = clock or FakeClock()
        self._threads_busy = 0
        super().__init__(_JumpingSelector(self))

    def time(self) -> float:
        """Return the time of the clock."""
        return self.clock.monotonic()

    # Narrower than the loop's: asyncio gives an executor or None.
    def run_in_executor(  # type: ignore[override]
        self, executor: Executor | None, func: Callable[..., T], *args: Any
    ) -> asyncio.Future[T]:
        """Run a function in a thread; time stands still until its result is here.

        Args:
            executor: Where; the default executor for None.
            func: What to run.
            *args: For the function.

        Returns:
            The future result.
        """
        future = super().run_in_executor(executor, func, *args)
        self._threads_busy += 1
        future.add_done_callback(self._thread_is_done)
        return future

    def _thread_is_done(self, future: asyncio.Future[Any]) -> None:
        self._threads_busy -= 1

    @property
    def is_awaited_elsewhere(self) -> bool:
        """Whether something goes on for this loop that is not in its own hands."""
        threads = self._threads_busy + _workers_of(self) + _asked("_threads", self)
        # A thread that waits for this loop does not work: it waits for what would be.
        return _sqlite_works() or threads > _asked("_portal", self)


class _JumpingSelector(selectors.BaseSelector):
    """A selector that lets time jump instead of waiting for it."""

    def __init__(self, loop: JumpingLoop) -> None:
        self._loop = loop
        self._real = selectors.DefaultSelector()
        self._stuck_seconds = 0.0

    def register(
        self, fileobj: Any, events: int, data: Any = None
    ) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def modify(
        self, fileobj: Any, events: int, data: Any = None
    ) -> selectors.SelectorKey:
        return self._real.modify(fileobj, events, data)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._real.get_map()

    def close(self) -> None:
        self._real.close()

    def select(
        self, timeout: float | None = None
    ) -> list[tuple[selectors.SelectorKey, int]]:
        ready = self._real.select(0)
        if ready or (timeout is not None and timeout <= 0):
            self._stuck_seconds = 0.0
            return ready
        if self._loop.is_awaited_elsewhere:
            return self._real.select(_SLICE_SECONDS)
        if timeout is None:
            return self._wait_for_neighbours()
        if self._has_sockets():
            ready = self._real.select(_NETWORK_SECONDS)
        # Asked again: a thread may have ended between the first look and the question.
        ready = ready or self._real.select(0)
        if not ready and not self._loop.is_awaited_elsewhere:
            self._loop.clock.advance(timeout)
        return ready

    def _has_sockets(self) -> bool:
        return len(self._real.get_map()) > 1  # the first is the loop's own

    def _wait_for_neighbours(self) -> list[tuple[selectors.SelectorKey, int]]:
        """Wait in real time for what may come; fail rather than hang for ever."""
        ready = self._real.select(_NETWORK_SECONDS)
        self._stuck_seconds = 0.0 if ready else self._stuck_seconds + _NETWORK_SECONDS
        if self._stuck_seconds >= _STUCK_SECONDS:
            self._stuck_seconds = 0.0
            raise RuntimeError(
                "the test waits for what will never happen: no timer is set, no thread"
                f" works, and no socket spoke for {_STUCK_SECONDS:g} seconds\n"
                "hint: look for an event that is never set or a task that is never"
                " cancelled"
            )
        return ready


def _sqlite_works() -> bool:
    """Tell whether a thread works at a SQLite operation."""
    module = sys.modules.get("fleetwright._sqlite")  # not imported: nothing is open
    return module is not None and bool(module.in_flight())


def _asked(name: str, loop: asyncio.AbstractEventLoop) -> int:
    """Return what a module of ours counts for the loop; 0 where nobody imported it."""
    module = sys.modules.get(f"fleetwright.{name}")
    if module is None:
        return 0
    count = module.working_for if name == "_threads" else module.waiting_for
    return int(count(loop))


def _workers_of(loop: asyncio.AbstractEventLoop) -> int:
    """Return how many threads of anyio's, where sync handlers run, work for the loop.

    anyio hands work to its threads without the loop's knowledge.
    """
    working = 0
    for thread in threading.enumerate():
        if type(thread).__name__ != "WorkerThread":
            continue
        worker = typed(Any, thread)
        if getattr(worker, "loop", None) is not loop or worker.stopping:
            continue
        working += worker not in worker.idle_workers
    return working
