"""The one thread that writes: in batches, bounded, with what was dropped counted."""

import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from fleetwright_cli.console import _retention
from fleetwright_cli.console._rows import Row
from fleetwright_cli.console._schema import opened
from fleetwright_cli.console._writing import Writing

FLUSH_SECONDS = 0.1
FLUSH_ROWS = 2_000
MOST_WAITING_ROWS = 100_000
RETENTION_SECONDS = 30.0
# A full disk; text that is no text and numbers that do not fit.
_UNWRITABLE = (sqlite3.Error, ValueError, OverflowError)


class Store:
    """Takes rows at once and writes them a moment later.

    Attributes:
        path: The database's file.
        dropped: Rows that came while too many waited.
        places: Inode and offset up to which each file was read in this run, by path.
        written: Rows that were written.
    """

    def __init__(
        self,
        path: Path,
        *,
        began: float | None = None,
        keep: _retention.Keep | None = None,
        on_written: Callable[[frozenset[str]], None] = lambda kinds: None,
    ) -> None:
        """Open the database and begin a run, or go on with the one that is known.

        Args:
            path: The database's file.
            began: When the run began, in seconds since 1970; now when left out.
            keep: How much is kept.
            on_written: Told, in the writer's thread, what kinds of rows are new.
        """
        self.path = path
        self.dropped = 0
        self.written = 0
        self._keep = keep or _retention.Keep()
        self._on_written = on_written
        self._connection = opened(path)
        self.run = self._begin(time.time() if began is None else began)
        self.places = self._read_so_far()
        self._writing = Writing(self._connection, self.run)
        self._waiting: deque[Row] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._put = 0
        self._done = 0
        self._thread = threading.Thread(target=self._work, name="store", daemon=True)
        self._thread.start()

    def put(self, rows: Sequence[Row]) -> bool:
        """Have rows written; safe from any thread, never waits for the disk.

        Args:
            rows: What came together: all of it is taken, or nothing.

        Returns:
            Whether there was room.
        """
        with self._changed:
            if self._closing or len(self._waiting) + len(rows) > MOST_WAITING_ROWS:
                self.dropped += len(rows)
                return False
            self._waiting.extend(rows)
            self._put += len(rows)
            if len(self._waiting) >= FLUSH_ROWS:
                self._changed.notify()
        return True

    def close(self) -> None:
        """Write what waits, end the run and close the database."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()
        self._connection.execute(
            "update run set ended_ns = ? where id = ?", (time.time_ns(), self.run)
        )
        self._connection.execute("pragma optimize")
        self._connection.close()

    def flush(self) -> None:
        """Wait until what was put before is written."""
        with self._changed:
            goal = self._put
            self._changed.notify()
            self._changed.wait_for(lambda: self._done >= goal or self._closing)

    def _begin(self, began: float) -> int:
        """Return the number of the run that began then: a console may come back."""
        started_ns = int(began * 1e9)
        known = self._connection.execute(
            "update run set ended_ns = null where started_ns = ? returning id",
            (started_ns,),
        ).fetchone()
        if known is not None:
            return int(known[0])
        begun = self._connection.execute(
            "insert into run(started_ns) values (?)", (started_ns,)
        )
        return int(begun.lastrowid or 0)

    def _read_so_far(self) -> dict[str, tuple[int, int]]:
        """Return how far files were read before we came back."""
        found = self._connection.execute(
            "select path, inode, offset from read_so_far where run = ?", (self.run,)
        )
        return {path: (inode, offset) for path, inode, offset in found}

    def _work(self) -> None:
        """Write batch after batch until closed."""
        clean_at = time.monotonic() + RETENTION_SECONDS
        while rows := self._next():
            self._write(rows)
            if time.monotonic() >= clean_at:
                _retention.clean(self._connection, self._keep)
                clean_at = time.monotonic() + RETENTION_SECONDS

    def _next(self) -> list[Row]:
        """Return the next batch; empty once closed and nothing waits."""
        with self._changed:
            while not self._closing and len(self._waiting) < FLUSH_ROWS:
                self._changed.wait(FLUSH_SECONDS)
                if self._waiting:
                    break
            count = min(len(self._waiting), FLUSH_ROWS)
            return [self._waiting.popleft() for _ in range(count)]

    def _write(self, rows: list[Row]) -> None:
        """Write one batch in one transaction; what cannot be written is counted."""
        kinds: set[str] = set()
        lost = 0
        try:
            kinds = self._writing.batch(rows)
        except _UNWRITABLE:
            # One row may have spoilt it for the others: each by itself.
            for row in rows:
                try:
                    kinds |= self._writing.batch((row,))
                except _UNWRITABLE:
                    lost += 1
        with self._changed:
            self.written += len(rows) - lost
            self.dropped += lost
            self._done += len(rows)
            self._changed.notify_all()
        self._on_written(frozenset(kinds))
