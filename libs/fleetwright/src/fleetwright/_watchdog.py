"""A thread that notices a blocked event loop and names the line that blocks it."""

import asyncio
import os
import sys
import threading
import time
from types import FrameType, TracebackType

import structlog
from opentelemetry import metrics

from fleetwright._standin import StandIn

_FOREIGN = (
    "site-packages",
    "dist-packages",
    "<frozen",
    os.path.dirname(os.path.dirname(asyncio.__file__)),  # the standard library
    os.path.dirname(__file__),  # this package, also where it is installed editable
)
_JOIN_SECONDS = 1.0  # the service stops, whoever is being answered
_LAG_SECONDS = 1.0  # a loop that is later than that cannot keep to a deadline
_LAG_REMEMBERED_SECONDS = 2.0
_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("fleetwright")
_lags = metrics.get_meter("fleetwright").create_histogram(
    "fleetwright.loop.lag",
    unit="s",
    description="How late the event loop was, looked at four times a second.",
)


class Watchdog:
    """Watches one event loop from outside while its `with` block runs.

    Costs a few wake-ups a second. A block is reported once when it is noticed
    (`loop.blocked`, with the line) and once when it is over (`loop.freed`). As a part
    of a service it makes it not ready for a moment after a long one: a process that
    gets no CPU should not get calls either.
    """

    def __init__(
        self, stand_in: StandIn | None = None, *, blocked_seconds: float = 0.5
    ) -> None:
        """Watch for blocks of some length.

        Args:
            stand_in: Who answers while the loop is blocked; nobody when left out.
            blocked_seconds: How long the loop must not turn to count as blocked.
        """
        self._stand_in = stand_in
        self._blocked_seconds = blocked_seconds
        # Not the Clock: this is about the machine, also where tests bend time.
        self._beat = time.monotonic()
        self._over = threading.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._thread: threading.Thread | None = None
        self._lagged = (-_LAG_REMEMBERED_SECONDS, 0.0)  # when, and for how long

    async def check(self) -> None:
        """Raise when the loop stood still for more than a second a moment ago."""
        at, seconds = self._lagged
        if time.monotonic() - at < _LAG_REMEMBERED_SECONDS:
            raise RuntimeError(f"the event loop stood still for {seconds:.1f} s")

    def __enter__(self) -> "Watchdog":
        """Begin to watch the running loop."""
        loop = asyncio.get_running_loop()
        self._beat = time.monotonic()
        self._tick(loop)
        self._thread = threading.Thread(
            target=self._watch,
            args=(threading.get_ident(),),
            name="fleetwright-watchdog",
            daemon=True,
        )
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop watching."""
        self._over.set()
        if self._timer is not None:
            self._timer.cancel()
        if self._thread is not None:
            self._thread.join(_JOIN_SECONDS)

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        now = time.monotonic()
        late = now - self._beat - self._blocked_seconds / 2
        _lags.record(max(0.0, late))
        if late > _LAG_SECONDS:
            self._lagged = now, late
        self._beat = now
        self._timer = loop.call_later(self._blocked_seconds / 2, self._tick, loop)

    def _pause(self, blocked_since: float | None) -> None:
        """Wait a little; while the loop is blocked, answer for it."""
        seconds = self._blocked_seconds / 2
        if blocked_since is None or self._stand_in is None:
            self._over.wait(seconds)
        else:
            # In short turns: once the loop is free it shall answer for itself.
            self._stand_in.answer(seconds / 5, blocked_since)

    def _watch(self, loop_thread: int) -> None:
        blocked_since: float | None = None
        while not self._over.is_set():
            self._pause(blocked_since)
            beat = self._beat
            silent = time.monotonic() - beat
            if blocked_since is None and silent > 1.5 * self._blocked_seconds:
                blocked_since = beat
                frame = sys._current_frames().get(loop_thread)
                _log.warning(
                    "loop.blocked", seconds=round(silent, 3), by=line_of(frame)
                )
            elif blocked_since is not None and beat > blocked_since:
                took = round(beat - blocked_since, 3)
                _log.warning("loop.freed", blocked_seconds=took)
                blocked_since = None


def line_of(frame: FrameType | None) -> str:
    """Return the innermost line of the service's own code, else the innermost line.

    Args:
        frame: The innermost frame of a thread.

    Returns:
        For example `src/orders/api.py:42 in place`.
    """
    innermost = frame
    while frame is not None:
        if is_own(frame.f_code.co_filename):
            break
        frame = frame.f_back
    shown = frame or innermost
    if shown is None:
        return "unknown"
    return f"{shown.f_code.co_filename}:{shown.f_lineno} in {shown.f_code.co_name}"


def is_own(file: str) -> bool:
    """Return whether a file is the service's own, not a library's.

    Args:
        file: Path of a source file, as code objects name it.

    Returns:
        False for installed packages, the standard library and Fleetwright.
    """
    return not any(part in file for part in _FOREIGN)
