"""Window: counts of the last seconds, in buckets that fall out one by one."""

from collections import deque

BUCKETS = 10


class Window:
    """Counts over a sliding window of ten buckets.

    Bounded by ten rows. Not safe to share between threads: its owner locks.

    Attributes:
        totals: The sums over the window, as of the last `row()`; one number a column.
    """

    __slots__ = ("_columns", "_rows", "_width_seconds", "totals")

    def __init__(self, window_seconds: float, columns: int) -> None:
        """Start with nothing counted.

        Args:
            window_seconds: How far back counts go, in seconds.
            columns: How many numbers are counted side by side.
        """
        self._width_seconds = window_seconds / BUCKETS
        self._columns = columns
        # Rows [number of the bucket, counts...], oldest first.
        self._rows: deque[list[int]] = deque()
        self.totals = [0] * columns

    def row(self, now: float) -> list[int]:
        """Return the row of this moment; what no longer counts is dropped.

        Args:
            now: The moment, in seconds of `Clock.monotonic()`.

        Returns:
            The row: the number of its bucket, then a count for each column. Whoever
            adds to it adds the same to `totals`.
        """
        number = int(now // self._width_seconds)
        rows = self._rows
        if rows:
            newest = rows[-1]
            if newest[0] == number:
                return newest
            if newest[0] > number:
                self.clear()  # another clock was installed: what it counted is void
        while rows and rows[0][0] <= number - BUCKETS:
            for column, count in enumerate(rows.popleft()[1:]):
                self.totals[column] -= count
        row = [number] + [0] * self._columns
        rows.append(row)
        return row

    def oldest_with(self, column: int) -> list[int]:
        """Return the oldest row in which something was counted.

        Args:
            column: The column that is not 0 there.

        Returns:
            The row.
        """
        return next(row for row in self._rows if row[1 + column] > 0)

    def clear(self) -> None:
        """Forget everything."""
        self._rows.clear()
        self.totals = [0] * self._columns
