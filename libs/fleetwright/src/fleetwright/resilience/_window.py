"""Window: counts of the last seconds, in buckets that fall out one by one."""

from collections import deque

BUCKETS = 10


class Window:
    """Counts over a sliding window of ten buckets.

    Bounded by its rows. Its owner locks where threads share it; adding to the row of
    this moment needs no lock as long as a count that is lost to a race does no harm.

    Attributes:
        width_seconds: How long a bucket is, in seconds.
        newest: The row of the last moment that was asked for.
    """

    __slots__ = ("_columns", "_kept", "_rows", "newest", "width_seconds")

    def __init__(
        self, window_seconds: float, columns: int, *, kept: int = BUCKETS
    ) -> None:
        """Start with nothing counted.

        Args:
            window_seconds: How far back counts go, in seconds.
            columns: How many numbers are counted side by side.
            kept: How many buckets are kept; a tenth of the window each.
        """
        self.width_seconds = window_seconds / BUCKETS
        self._columns = columns
        self._kept = kept
        # Rows [number of the bucket, counts...], oldest first.
        self._rows: deque[list[int]] = deque()
        self.newest: list[int] = [-1]

    def row(self, now: float) -> list[int]:
        """Return the row of a moment; what no longer counts is dropped.

        Args:
            now: The moment, in seconds of `Clock.monotonic()`.

        Returns:
            The row: the number of its bucket, then a count for each column.
        """
        number = int(now / self.width_seconds)
        newest = self.newest
        if newest[0] == number:
            return newest
        rows = self._rows
        if newest[0] > number:
            rows.clear()  # another clock was installed: what it counted is void
        while rows and rows[0][0] <= number - self._kept:
            rows.popleft()
        row = [number] + [0] * self._columns
        rows.append(row)
        self.newest = row
        return row

    def total(self, column: int, buckets: int = BUCKETS) -> int:
        """Return what was counted in the buckets up to the newest.

        Args:
            column: Which count, from 0.
            buckets: How many buckets.

        Returns:
            The sum.
        """
        oldest = self.newest[0] - buckets
        return sum([row[1 + column] for row in self._rows if row[0] > oldest])

    def oldest_with(self, column: int) -> list[int] | None:
        """Return the oldest row in which something was counted.

        Args:
            column: The column that is not 0 there.

        Returns:
            The row, or None.
        """
        return next((row for row in self._rows if row[1 + column] > 0), None)

    def clear(self) -> None:
        """Forget everything."""
        self._rows.clear()
        self.newest = [-1]
