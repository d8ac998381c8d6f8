"""One writer of log lines: in bursts, in order, and never waiting for a slow reader."""

import atexit
import os
import select
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from contextlib import suppress

_BURST_LINES = 1024  # waking the thread each 64 lines cost 7 us of every request
_BURST_SECONDS = 0.05
_QUEUE_BYTES = 8 * 1024 * 1024  # more than a blocked reader will ever want to see
_EXIT_SECONDS = 2.0


class LineWriter:
    """Writes lines to a file descriptor from a thread of its own.

    Lines come out in the order they went in, in bursts of 50 ms or 1,024 lines. When
    the reader is blocked, at most 8 MiB wait; what comes after is dropped and counted.
    Safe to call from several threads.
    """

    def __init__(self, fd: int = 1) -> None:
        """Write to a file descriptor.

        Args:
            fd: Where to; 1 is the standard output.
        """
        self._fd = fd
        self._lines: deque[bytes] = deque()
        self._bytes = 0
        self._dropped = 0
        self._woken = False  # a plain flag: looked at for every line
        self._waiting = threading.Event()  # there is something to write
        self._urgent = threading.Event()  # and it should not wait for more
        self._writing = threading.Lock()
        self._thread: threading.Thread | None = None
        # Threads do not survive a fork, and a lock may be copied while it is held.
        if hasattr(os, "register_at_fork"):
            forked = weakref.WeakMethod(self._forked)
            os.register_at_fork(after_in_child=lambda: _call(forked))

    def write(self, line: bytes, *, urgent: bool = False) -> None:
        """Take one line; returns at once.

        Args:
            line: The line, with its line feed.
            urgent: Write now, not with the next burst.
        """
        if self._bytes > _QUEUE_BYTES:
            self._dropped += 1
            return
        self._lines.append(line)
        self._bytes += len(line)
        if urgent or len(self._lines) == _BURST_LINES:  # once a burst, not each line
            self._urgent.set()
        if not self._woken:
            self._wake()

    def _wake(self) -> None:
        self._woken = True
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._run, name="fleetwright-logs", daemon=True
            )
            self._thread.start()
            atexit.register(self.flush)
        self._waiting.set()

    def _forked(self) -> None:
        self._thread = None
        self._woken = False
        self._lines.clear()  # the parent writes them
        self._bytes = 0
        self._waiting, self._urgent = threading.Event(), threading.Event()
        self._writing = threading.Lock()

    def _run(self) -> None:
        while True:
            self._waiting.wait()
            self._urgent.wait(_BURST_SECONDS)
            self._waiting.clear()
            self._urgent.clear()
            self._woken = False  # from here on a line wakes us again
            with self._writing:
                self._write_out()

    def flush(self) -> None:
        """Write what is waiting; gives up after two seconds on a blocked reader."""
        until = time.monotonic() + _EXIT_SECONDS
        if self._writing.acquire(timeout=_EXIT_SECONDS):
            try:
                self._write_out(until)
            finally:
                self._writing.release()

    def _write_out(self, until: float | None = None) -> None:
        burst = []
        while self._lines:
            burst.append(self._lines.popleft())
        data = b"".join(burst)
        self._bytes = 0
        if self._dropped:
            data += b'{"event":"lines.dropped","lines":%d}\n' % self._dropped
            self._dropped = 0
        view = memoryview(data)
        try:
            while view:
                view = view[self._taken(view, until) :]
        except OSError:
            # Nobody reads any more (a closed pipe): there is no one left to tell.
            return

    def _taken(self, data: memoryview, until: float | None) -> int:
        if until is None:
            # Whoever shares the descriptor may have made it one that does not wait.
            with suppress(BlockingIOError):
                return os.write(self._fd, data)
        room = select.poll()
        room.register(self._fd, select.POLLOUT)
        left = None if until is None else max(0.0, until - time.monotonic()) * 1000
        if not room.poll(left):
            raise TimeoutError
        with suppress(BlockingIOError):  # somebody else was quicker
            return os.write(self._fd, data[: select.PIPE_BUF])
        return 0


def _call(method: "weakref.WeakMethod[Callable[[], None]]") -> None:
    alive = method()
    if alive is not None:
        alive()
