"""RetryBudget: extra calls as a share of asked-for calls."""

import math
import threading

from fleetwright._clock import clock
from fleetwright.errors import DeclarationError
from fleetwright.resilience._window import BUCKETS, Window

_CALLS, _EXTRA = range(2)


class RetryBudget:
    """How many extra sends a provider may get.

    In every window that ends with a granted extra send there are at most
    `ratio * calls + floor` of them. So a provider in trouble gets at most that share
    more than its callers asked for. Bounded by 11 counters; safe to share between
    pipelines, tasks and threads; never waits.
    """

    __slots__ = ("_floor", "_lock", "_ratio", "_window")

    def __init__(
        self, ratio: float = 0.1, floor: float = 10, *, window_seconds: float = 10.0
    ) -> None:
        """Start with nothing counted.

        Args:
            ratio: Extra sends for each asked-for call, 0 to 1.
            floor: Extra sends in a window that are granted without any calls, so that
                a quiet client may retry too; 0 or more.
            window_seconds: How far back calls count, in seconds; more than 0.

        Raises:
            DeclarationError: A number is out of its range.
        """
        if not (0 <= ratio <= 1 and floor >= 0 and 0 < window_seconds < math.inf):
            raise DeclarationError(
                f"RetryBudget(ratio={ratio}, floor={floor},"
                f" window_seconds={window_seconds}) is out of range",
                hint="use 0 <= ratio <= 1, floor >= 0 and window_seconds > 0, for"
                " example RetryBudget(ratio=0.1, floor=10)",
            )
        self._ratio = ratio
        self._floor = floor
        # Extra sends are counted over one bucket more than the window and calls over no
        # more than the window, so that rounding never grants too much.
        self._window = Window(window_seconds, 2, kept=BUCKETS + 1)
        self._lock = threading.Lock()

    def count_call(self, now: float | None = None) -> None:
        """Count one call that was asked for.

        Args:
            now: This moment, in seconds of `Clock.monotonic()`; asked of it when left
                out.
        """
        if now is None:
            now = clock().monotonic()
        window = self._window
        row = window.newest
        if row[0] == int(now / window.width_seconds):
            row[1 + _CALLS] += 1  # one that is lost to a race makes us stricter
            return
        with self._lock:
            window.row(now)[1 + _CALLS] += 1

    def facts(self) -> dict[str, object]:
        """Return what /info shows: how many extra sends would be granted now."""
        with self._lock:
            self._window.row(clock().monotonic())
            calls = self._window.total(_CALLS)
            extra = self._window.total(_EXTRA, BUCKETS + 1)
        return {"left": max(0, int(self._ratio * calls + self._floor - extra))}

    def take(self) -> bool:
        """Ask for one extra send.

        Returns:
            True if it is granted; it is counted then.
        """
        with self._lock:
            row = self._window.row(clock().monotonic())
            calls = self._window.total(_CALLS)
            extra = self._window.total(_EXTRA, BUCKETS + 1)
            if extra + 1 > self._ratio * calls + self._floor:
                return False
            row[1 + _EXTRA] += 1
            return True
