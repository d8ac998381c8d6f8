"""Threads: a bounded pool for sync work that tells when it is full."""

import asyncio
import contextvars
import queue
import threading
from collections.abc import Callable
from typing import Any, Final, Generic, TypeVar
from weakref import WeakSet

import structlog

from fleetwright._clock import clock
from fleetwright.errors import FleetwrightError

T = TypeVar("T")
FULL_SECONDS: Final = 1.0  # a call that waits so long for a thread waits in vain
_ABANDONED_SECONDS: Final = 1.0
_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("fleetwright")
_pools: "WeakSet[Threads]" = WeakSet()


class Threads:
    """Threads that sync work runs in, at most so many at a time.

    A part of a service. Threads are started as they are needed and never keep the
    process from ending. Safe to use from several tasks of one event loop.

    Attributes:
        most: How many there may be.
    """

    def __init__(self, most: int) -> None:
        """Start without threads.

        Args:
            most: How many there may be, 1 or more.
        """
        self.most = most
        self._work: queue.SimpleQueue[_Job[Any] | None] = queue.SimpleQueue()
        self._jobs: set[_Job[Any]] = set()
        self._started = 0
        self._idle: asyncio.Event | None = None
        _pools.add(self)

    async def run(self, work: Callable[[], T]) -> T:
        """Run sync work in a thread, in a copy of this context.

        When the waiting task is cancelled, work that has not begun never does; work
        that has goes on alone, keeps its thread, and its outcome is dropped.

        Args:
            work: What to run.

        Returns:
            What it returned.

        Raises:
            Exception: What it raised.
        """
        job = _Job(work)
        self._jobs.add(job)
        try:
            if self._started < min(self.most, len(self._jobs)):
                self._start()
            self._work.put(job)
            return await job.outcome
        finally:
            job.is_awaited = False
            if job.take() is not None:  # no thread has: let go of what it holds
                self._done(job)

    def _start(self) -> None:
        name = f"fleetwright-{self._started + 1}"
        threading.Thread(target=self._live, name=name, daemon=True).start()
        self._started += 1  # not before: a system may have no thread left

    def _live(self) -> None:
        """Do one piece of work after the other, until told to end."""
        while (job := self._work.get()) is not None:
            job.do(self._done)
            job = None  # what it holds must not live until the next one comes

    def _done(self, job: "_Job[Any]") -> None:
        self._jobs.discard(job)
        if not self._jobs and self._idle is not None:
            self._idle.set()

    async def drain(self) -> None:
        """Give a second to work that nobody waits for any more; it may never end."""
        if not self._jobs:
            return
        self._idle = asyncio.Event()
        try:
            async with asyncio.timeout(_ABANDONED_SECONDS):
                await self._idle.wait()
        except TimeoutError:
            _log.warning("threads.abandoned", count=len(self._jobs))

    async def close(self) -> None:
        """Let the threads end, each with what it is at."""
        for _ in range(self._started):
            self._work.put(None)
        self._started = 0

    async def check(self) -> None:
        """Raise when work has waited for a thread for a second.

        Raises:
            FleetwrightError: All threads are busy.
        """
        now = clock().monotonic()
        asked = [job.asked_at for job in self._jobs if job.waits]
        if asked and now - min(asked) >= FULL_SECONDS:
            raise FleetwrightError(
                f"all {self.most} threads are busy, {len(asked)} calls wait",
                hint="find what blocks them; more threads help only those that wait",
            )

    def facts(self) -> dict[str, object]:
        """Return how busy it is.

        Returns:
            `most`, `busy`, `waiting` (for a thread) and `abandoned` (at work, though
            nobody waits for it any more).
        """
        waiting = sum(job.waits for job in self._jobs)
        abandoned = sum(job.has_begun and not job.is_awaited for job in self._jobs)
        return {
            "most": self.most,
            "busy": sum(job.has_begun for job in self._jobs),
            "waiting": waiting,
            "abandoned": abandoned,
        }

    def working_for(self, loop: asyncio.AbstractEventLoop) -> int:
        """Return how many pieces of work an event loop has with these threads.

        Args:
            loop: Any event loop.
        """
        return sum(job.loop is loop for job in tuple(self._jobs))


class _Job(Generic[T]):
    """One piece of work on its way to a thread and back."""

    __slots__ = (
        "__weakref__",
        "_held",
        "asked_at",
        "has_begun",
        "is_awaited",
        "loop",
        "outcome",
    )

    def __init__(self, work: Callable[[], T]) -> None:
        self._held = [(contextvars.copy_context(), work)]
        self.loop = asyncio.get_running_loop()
        self.outcome: asyncio.Future[T] = self.loop.create_future()
        self.asked_at = clock().monotonic()
        self.has_begun = False
        self.is_awaited = True

    @property
    def waits(self) -> bool:
        """Whether it has not begun and somebody still wants it."""
        return self.is_awaited and not self.has_begun

    def take(self) -> tuple[contextvars.Context, Callable[[], T]] | None:
        """Return what to run and in which context, to the first who asks."""
        try:
            return self._held.pop()  # at once, in any thread
        except IndexError:
            return None

    def do(self, done: "Callable[[_Job[T]], None]") -> None:
        """Do the work, in the thread that calls; `done` is called on the loop."""
        taken = self.take()
        if taken is None:
            return
        self.has_begun = True
        context, work = taken
        result: T | None = None
        error: BaseException | None = None
        try:
            result = context.run(work)
        except StopIteration as raised:  # a future refuses to carry it
            error = RuntimeError(f"the work raised {raised!r}")
        except BaseException as raised:
            error = raised
        del taken, context, work
        try:
            self.loop.call_soon_threadsafe(self._tell, done, result, error)
        except RuntimeError:  # the loop was closed meanwhile: nobody is left to tell
            done(self)

    def _tell(
        self,
        done: "Callable[[_Job[T]], None]",
        result: Any,
        error: BaseException | None,
    ) -> None:
        done(self)
        if self.outcome.done():
            return
        if error is None:
            self.outcome.set_result(result)
        else:
            self.outcome.set_exception(error)


def working_for(loop: asyncio.AbstractEventLoop) -> int:
    """Return how many pieces of work threads of any pool have for an event loop.

    Args:
        loop: Any event loop.
    """
    return sum(pool.working_for(loop) for pool in tuple(_pools))
