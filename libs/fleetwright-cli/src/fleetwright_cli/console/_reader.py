"""A reading connection for each thread, and the few words that questions share."""

import sqlite3
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fleetwright_cli.console._rows import BUCKETS_MS
from fleetwright_cli.console._schema import reading

SLOWEST_MS = BUCKETS_MS[-1] * 2  # shown for what is beyond the last bound


class Reader:
    """Answers questions with rows as dictionaries."""

    def __init__(self, path: Path) -> None:
        """Keep where the database is.

        Args:
            path: Its file.
        """
        self._path = path
        self._local = threading.local()

    def rows(self, sql: str, *values: object) -> list[dict[str, Any]]:
        """Return all rows of a question.

        Args:
            sql: One statement that reads.
            *values: For its question marks.

        Raises:
            sqlite3.Error: It cannot be answered.
        """
        found = self._connection().execute(sql, values)
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found]

    def one(self, sql: str, *values: object) -> dict[str, Any]:
        """Return the first row of a question; empty for none.

        Args:
            sql: One statement that reads.
            *values: For its question marks.
        """
        return next(iter(self.rows(sql, *values)), {})

    def services(self) -> dict[int, str]:
        """Return the names of services by their numbers."""
        return {row["id"]: row["name"] for row in self.rows("select * from service")}

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "it", None)
        if connection is None:
            connection = self._local.it = reading(self._path)
        return connection


class Durations:
    """Durations counted in buckets, and what can be said of them."""

    def __init__(self) -> None:
        """Begin with none."""
        self.calls = 0
        self.errors = 0
        self._counts = [0] * (len(BUCKETS_MS) + 1)

    def add(self, bucket: int, calls: int, errors: int) -> None:
        """Count more.

        Args:
            bucket: Which of `BUCKETS_MS`.
            calls: How many.
            errors: How many of them failed.
        """
        self.calls += calls
        self.errors += errors
        self._counts[bucket] += calls

    def percentile_ms(self, share: float) -> float | None:
        """Return the duration that a share of the calls does not pass; None for none.

        Args:
            share: 0.95 for the slowest twentieth.
        """
        if not self.calls:
            return None
        goal, passed = share * self.calls, 0
        for number, count in enumerate(self._counts):
            if count and passed + count >= goal:
                low = BUCKETS_MS[number - 1] if number else 0
                high = SLOWEST_MS
                if number < len(BUCKETS_MS):
                    high = BUCKETS_MS[number]
                return low + (high - low) * (goal - passed) / count
            passed += count
        return float(SLOWEST_MS)

    def facts(self, seconds: float) -> dict[str, Any]:
        """Return rate, errors and slow calls, JSON-ready.

        Args:
            seconds: In which they were.
        """
        slow = self.percentile_ms(0.95)
        middle = self.percentile_ms(0.5)
        return {
            "calls": self.calls,
            "rate": round(self.calls / max(seconds, 1.0), 2),
            "errors": self.errors,
            "error_share": round(self.errors / self.calls, 4) if self.calls else 0.0,
            "p50_ms": None if middle is None else round(middle, 1),
            "p95_ms": None if slow is None else round(slow, 1),
        }


def text_query(text: str) -> str:
    """Return words as a full-text question: all of them, the last as a beginning.

    Args:
        text: As it was typed; none of it is syntax.
    """
    words = [word.replace('"', '""') for word in text.split()]
    return " ".join(f'"{word}"*' for word in words)


def marks(values: Sequence[object]) -> str:
    """Return as many question marks as there are values."""
    return ", ".join("?" * len(values))


def now_seconds() -> float:
    """Return the time of day in seconds since 1970."""
    return time.time()
