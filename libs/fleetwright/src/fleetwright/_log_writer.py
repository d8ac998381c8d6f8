"""One writer of log lines: in bursts, in order, and never waiting for a slow reader."""

import atexit
import os
import threading
from collections import deque

_BURST_LINES = 64
_BURST_SECONDS = 0.05
_QUEUE_BYTES = 8 * 1024 * 1024  # more than a blocked reader will ever want to see
_EXIT_SECONDS = 2.0


class LineWriter:
    """Writes lines to a file descriptor from a thread of its own.

    Lines come out in the order they went in, in bursts of 64 lines or 50 ms. When the
    reader is blocked, at most 8 MiB wait and what comes after is dropped and counted.
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
        self._waiting = threading.Event()  # there is something to write
        self._urgent = threading.Event()  # and it should not wait for more
        self._writing = threading.Lock()
        self._thread: threading.Thread | None = None
        self._process = 0

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
        if urgent or len(self._lines) >= _BURST_LINES:
            self._urgent.set()
        if not self._waiting.is_set():
            self._wake()

    def _wake(self) -> None:
        if self._process != os.getpid():  # threads do not survive a fork
            self._process = os.getpid()
            self._writing = threading.Lock()
            self._thread = threading.Thread(
                target=self._run, name="fleetwright-logs", daemon=True
            )
            self._thread.start()
            atexit.register(self.flush)
        self._waiting.set()

    def _run(self) -> None:
        while True:
            self._waiting.wait()
            self._urgent.wait(_BURST_SECONDS)
            self._waiting.clear()
            self._urgent.clear()
            with self._writing:
                self._write_out()

    def flush(self) -> None:
        """Write what is waiting; gives up after two seconds on a blocked reader."""
        if self._writing.acquire(timeout=_EXIT_SECONDS):
            try:
                self._write_out()
            finally:
                self._writing.release()

    def _write_out(self) -> None:
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
                view = view[os.write(self._fd, view) :]
        except OSError:
            # Nobody reads any more (a closed pipe): there is no one left to tell.
            return
