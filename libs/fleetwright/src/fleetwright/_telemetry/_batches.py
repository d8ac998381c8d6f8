"""Batches: what was told is kept for a moment, and sent when there is time."""

import os
import threading
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import structlog

from fleetwright._telemetry._sending import Clockwork, Sending

T = TypeVar("T")
W = TypeVar("W")
_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("fleetwright")


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is kept, and for how long.

    Attributes:
        waiting: The most that waits; what comes then is dropped and counted.
        batch: The most that is sent at a time.
        seconds: The longest that anything waits for a batch to be full.
    """

    waiting: int = 2048
    batch: int = 512
    seconds: float = 5.0


class Batches(Generic[T, W]):
    """Takes things from any thread at once, and sends them from one of its own.

    Each may be written as it comes: later it would have left the processor's caches,
    and the collector of garbage would have looked at it meanwhile. At most
    `limits.waiting` wait; a receiver that is away costs what comes then, which is
    counted, and nothing else.

    Attributes:
        taken: How many were put in.
        dropped: How many were lost: there was no room, they could not be written, or
            the receiver did not take them.
    """

    def __init__(
        self,
        signal: str,
        write: Callable[[T], W],
        join: Callable[[Sequence[W]], bytes],
        sending: Sending,
        limits: Limits,
    ) -> None:
        """Keep nothing yet.

        Args:
            signal: What is sent, for the log and the thread.
            write: Makes ready what comes; what it says is all that is kept of it.
            join: Makes the body of a batch.
            sending: Where it goes.
            limits: How much is kept.
        """
        self.taken = 0
        self.dropped = 0
        self._signal = signal
        self._write = write
        self._join = join
        self._sending = sending
        self._limits = limits
        self._most, self._batch = limits.waiting, limits.batch
        self._waiting: deque[W] = deque()
        self._at_work = threading.Lock()
        self._clockwork = Clockwork(f"fleetwright-{signal}", self.flush, limits.seconds)
        if hasattr(os, "register_at_fork"):
            forked = weakref.WeakMethod(self._forked)
            os.register_at_fork(after_in_child=lambda: _call(forked))

    def put(self, one: T) -> None:
        """Take one thing; neither waits nor fails."""
        waiting = self._waiting
        if len(waiting) >= self._most:
            self.dropped += 1
            return
        try:
            waiting.append(self._write(one))
        except Exception:  # whose words fail is told by nobody, and fails nothing else
            self.dropped += 1
            return
        if len(waiting) == self._batch:
            self._clockwork.ask()
        if not self._clockwork.is_running:
            self._clockwork.start()

    def flush(self) -> None:
        """Send what waits now, in this thread."""
        with self._at_work:
            for _ in range(-(-len(self._waiting) // self._batch)):
                self._send_one_batch()

    def _send_one_batch(self) -> None:
        waiting = self._waiting
        batch = [waiting.popleft() for _ in range(min(len(waiting), self._batch))]
        self.taken += len(batch)
        is_taken = not batch
        try:
            if batch:
                stopping = self._clockwork.stopping
                is_taken = self._sending.send(self._join(batch), stopping)
        finally:
            self.dropped += 0 if is_taken else len(batch)

    def _forked(self) -> None:
        self._waiting.clear()  # the parent sends them
        self._at_work = threading.Lock()
        self._sending.forget()
        self._clockwork.forked()

    def close(self, within_seconds: float) -> None:
        """Send what waits and end; what is not taken in time is lost.

        Args:
            within_seconds: How long it may take.
        """
        if self._clockwork.stop(within_seconds):
            self._sending.close()
        if self.dropped:
            _log.warning("telemetry.dropped", signal=self._signal, count=self.dropped)


def _call(method: "weakref.WeakMethod[Callable[[], None]]") -> None:
    alive = method()
    if alive is not None:
        alive()
