"""From a thread into an event loop: run async work there and wait for its outcome."""

import asyncio
import atexit
import contextvars
import os
import threading
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any, Final, Generic, TypeVar

from fleetwright._deadline import _scope, current_deadline
from fleetwright.errors import DeadlineExceeded, FleetwrightError

T = TypeVar("T")
_LOOK_SECONDS: Final = (
    1.0  # how often a waiting thread asks whether its loop still runs
)
_GRACE_SECONDS: Final = 1.0  # how long cut work may take to end
_END_SECONDS: Final = 5.0  # for all that was opened in the background to be closed
_STOP_SECONDS: Final = 5.0  # for a loop that is told to stop, unless it stands still
_visits: "set[_Visit[Any]]" = set()


class Home:
    """An event loop that threads may send work to, while it runs in this process.

    Attributes:
        loop: The event loop.
    """

    __slots__ = ("_process", "loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Remember a loop of this process.

        Args:
            loop: The event loop.
        """
        self.loop = loop
        self._process = os.getpid()

    @property
    def is_alive(self) -> bool:
        """Whether work sent there is done: after a fork the child has only a copy."""
        return self._process == os.getpid() and self.loop.is_running()


def run_in_loop(
    work: Callable[[], Awaitable[T]],
    home: Home | None = None,
    *,
    what: str = "async work",
) -> T:
    """Run async work on an event loop of another thread and return what it gives.

    The work sees the context of the caller; what it sets there stays with the work. It
    is cut when the caller's deadline is over, and when the waiting thread is
    interrupted.

    Args:
        work: Makes the awaitable; called on the loop.
        home: Where to run it; the background loop of the process when left out or gone.
        what: What is run, for the error when it cannot be waited for here.

    Returns:
        What the work returned.

    Raises:
        DeadlineExceeded: The caller's deadline is over.
        RuntimeError: An event loop runs in this thread and would stand still.
        FleetwrightError: The loop stopped before the work was done.
    """
    if asyncio._get_running_loop() is not None:
        raise RuntimeError(
            f"{what} is sync and would block the event loop of this thread\n"
            "hint: declare the method with `async def` and await it, or call it in a"
            " thread: `await asyncio.to_thread(...)`"
        )
    if home is None or not home.is_alive:
        home = background()
    return _Visit(work, home).wait()


class _Visit(Generic[T]):
    """One piece of work sent to a loop, and the thread that waits for it.

    The thread waits for a bare lock that is held until the work has ended. An event, a
    condition or a future keeps a lock of its own for a moment, and a Ctrl-C at that
    moment leaves it locked: the loop would wait for it for ever.
    """

    def __init__(self, work: Callable[[], Awaitable[T]], home: Home) -> None:
        self._work = work
        self._home = home
        self._context = contextvars.copy_context()
        self._ended = threading.Lock()
        self._ended.acquire()
        self._task: asyncio.Task[T] | None = None
        self._is_given_up = False

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """Where the work is done."""
        return self._home.loop

    def wait(self) -> T:
        """Send the work and wait for it."""
        try:
            self._send()  # in here: an interrupt may come as soon as the work began
            while not self._ended.acquire(timeout=_LOOK_SECONDS):
                self._look()
        except BaseException:
            self._give_up()
            raise
        if self._task is None or self._task.cancelled():
            raise _stopped()
        return self._task.result()

    def _send(self) -> None:
        try:
            self._home.loop.call_soon_threadsafe(self._begin)
        except RuntimeError:  # closed in this very moment
            raise _stopped() from None

    def _look(self) -> None:
        """Stop waiting for what cannot come any more."""
        if self._has_ended():
            return
        if not self._home.is_alive:
            raise _stopped()
        deadline = current_deadline()
        if deadline is not None and deadline.left() < -_GRACE_SECONDS:
            raise DeadlineExceeded  # the loop stands still, or the work does not end

    def _give_up(self) -> None:
        """Cut the work and give it a moment to end: nothing of it is left behind."""
        if self._has_ended() or not self._home.is_alive:
            return
        with suppress(RuntimeError):  # closed in this very moment
            self._home.loop.call_soon_threadsafe(self._cut)
        self._ended.acquire(timeout=_GRACE_SECONDS)

    def _has_ended(self) -> bool:
        return self._task is not None and self._task.done()

    # -- on the loop

    def _begin(self) -> None:
        if self._is_given_up:
            return
        task = self._home.loop.create_task(self._bounded(), context=self._context)
        self._task = task
        _visits.add(self)
        task.add_done_callback(self._done)

    def _cut(self) -> None:
        self._is_given_up = True
        if self._task is None:
            self._ended.release()  # interrupted before it was sent
        else:
            self._task.cancel()

    async def _bounded(self) -> T:
        deadline = current_deadline()
        if deadline is None:
            return await self._work()
        # What the thread bound has no timer here: bind it anew, with one.
        _scope.set(None)
        with deadline:
            return await self._work()

    def _done(self, task: asyncio.Task[T]) -> None:
        _visits.discard(self)  # before its thread goes on
        if not task.cancelled():
            task.exception()  # told to the thread, if it still waits: not to the log
        self._ended.release()


def waiting_for(loop: asyncio.AbstractEventLoop) -> int:
    """Return how many threads wait for work they sent to an event loop.

    Args:
        loop: Any event loop.
    """
    return sum(visit.loop is loop for visit in tuple(_visits))


def _stopped() -> FleetwrightError:
    return FleetwrightError(
        "the event loop stopped before the work was done",
        hint="call between open() and close() of the service",
    )


class _Background:
    """One event loop in a thread of its own, for threads that have none."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.closing: list[Callable[[], Coroutine[Any, Any, object]]] = []
        begun = threading.Event()
        self.loop.call_soon(begun.set)
        self._thread = threading.Thread(
            target=self.loop.run_forever, name="fleetwright-portal", daemon=True
        )
        self._thread.start()
        begun.wait()
        self.home = Home(self.loop)

    def end(self) -> None:
        """Close what was opened there, cancel the rest, stop the thread.

        What does not end in time is left behind: nobody's exit waits for it.
        """
        if self.home.is_alive:
            emptied = asyncio.run_coroutine_threadsafe(self._emptied(), self.loop)
            with suppress(TimeoutError):
                emptied.result(_END_SECONDS)
            self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(_STOP_SECONDS)
        if not self._thread.is_alive():
            self.loop.close()

    async def _emptied(self) -> None:
        while self.closing:
            await asyncio.gather(self.closing.pop()(), return_exceptions=True)
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self.loop.shutdown_asyncgens()


_background: _Background | None = None
_turn = threading.Lock()


def background() -> Home:
    """Return the background loop of this process, started now if need be."""
    return _started().home


def is_background(loop: asyncio.AbstractEventLoop) -> bool:
    """Tell whether a loop is the background loop of this process.

    Args:
        loop: Any event loop.
    """
    return _background is not None and _background.loop is loop


def on_background_end(close: Callable[[], Coroutine[Any, Any, object]]) -> None:
    """Have something closed on the background loop before that ends.

    Args:
        close: Called once, at the exit of the process; the last one first.
    """
    _started().closing.append(close)


def end_background() -> None:
    """End the background loop, if there is one; the next call starts another."""
    global _background
    with _turn:
        ending, _background = _background, None
    if ending is not None:
        ending.end()


def _started() -> _Background:
    global _background
    with _turn:
        if _background is None:
            _background = _Background()
        return _background


def _forget_after_fork() -> None:
    # The child has a copy of the loop, but nobody runs it there.
    global _background, _turn
    _background, _turn = None, threading.Lock()


atexit.register(end_background)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_after_fork)
