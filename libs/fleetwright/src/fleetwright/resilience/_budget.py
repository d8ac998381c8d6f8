"""RetryBudget: extra calls as a share of asked-for calls."""

import math
import threading
from collections import deque

from fleetwright._clock import clock
from fleetwright.errors import DeclarationError

_BUCKETS = 10


class RetryBudget:
    """How many extra sends a provider may get.

    In every window that ends with a granted extra send there are at most
    `ratio * calls + floor` of them. So a provider in trouble gets at most that share
    more than its callers asked for. Bounded by 11 counters; safe to share between
    pipelines, tasks and threads; never waits.
    """

    __slots__ = ("_buckets", "_floor", "_lock", "_ratio", "_width_seconds")

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
        self._width_seconds = window_seconds / _BUCKETS
        # Rows [number of the bucket, calls, extra sends], oldest first.
        self._buckets: deque[list[int]] = deque()
        self._lock = threading.Lock()

    def count_call(self) -> None:
        """Count one call that was asked for."""
        with self._lock:
            self._now()[1] += 1

    def take(self) -> bool:
        """Ask for one extra send.

        Returns:
            True if it is granted; it is counted then.
        """
        with self._lock:
            now = self._now()
            # Extra sends are counted over one bucket more than the window and calls
            # over no more than the window, so that rounding never grants too much.
            oldest = now[0] - _BUCKETS
            calls = sum(row[1] for row in self._buckets if row[0] > oldest)
            extra = sum(row[2] for row in self._buckets)
            if extra + 1 > self._ratio * calls + self._floor:
                return False
            now[2] += 1
            return True

    def _now(self) -> list[int]:
        """Return the row of this moment; rows that no longer count are dropped."""
        number = int(clock().monotonic() // self._width_seconds)
        rows = self._buckets
        if rows and rows[-1][0] == number:
            return rows[-1]
        if rows and rows[-1][0] > number:
            rows.clear()  # another clock was installed: what it counted is void
        while rows and rows[0][0] < number - _BUCKETS:
            rows.popleft()
        rows.append([number, 0, 0])
        return rows[-1]
