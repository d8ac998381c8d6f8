"""Tally: what happens too often for a log line each; told at most once a second."""

import threading
from collections.abc import Callable, Mapping

from fleetwright._clock import clock

_EVERY_SECONDS = 1.0


class Tally:
    """Counts by name, and tells how many there were since it told the last time.

    Safe to use from several threads. Nothing is lost: what was not told yet is told by
    the next `count` or `tell_if_due` a second later.

    Attributes:
        total: How many there were so far, by name.
        untold: Whether there is something to tell.
    """

    def __init__(self, tell: Callable[[Mapping[str, int]], None]) -> None:
        """Start with nothing counted.

        Args:
            tell: Gets the counts since the last time, by name; never empty.
        """
        self.total: dict[str, int] = {}
        self.untold = False
        self._tell = tell
        self._told: dict[str, int] = {}
        self._told_at = float("-inf")
        self._lock = threading.Lock()

    def count(self, name: str) -> None:
        """Count one.

        Args:
            name: What happened.
        """
        with self._lock:
            self.total[name] = self.total.get(name, 0) + 1
            self.untold = True
        self.tell_if_due()

    def tell_if_due(self) -> None:
        """Tell what was not told yet, unless something was told within a second."""
        now = clock().monotonic()
        # A clock that went back is another clock: tests install their own.
        if self.untold and not 0 <= now - self._told_at < _EVERY_SECONDS:
            self.tell()

    def tell(self) -> None:
        """Tell what was not told yet, now; for the end."""
        with self._lock:
            self.untold = False
            self._told_at = clock().monotonic()
            since = {
                name: count - self._told.get(name, 0)
                for name, count in self.total.items()
            }
            self._told = dict(self.total)
        told = {name: count for name, count in since.items() if count}
        if told:
            self._tell(told)
