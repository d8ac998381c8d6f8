"""Brings into the console what the supervisor and the services write down."""

import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fleetwright_cli._errors import FleetError
from fleetwright_cli.console._lines import event_row, log_row
from fleetwright_cli.console._rows import PlaceRow, Row
from fleetwright_cli.console._store import Store
from fleetwright_cli.local._control import ask
from fleetwright_cli.local._logfiles import Tail, history
from fleetwright_cli.local._plan import Places

LOOK_SECONDS = 0.1
STATUS_SECONDS = 0.5
SAMPLE_SECONDS = 2.0
KEPT_SAMPLES = 60
CONSOLE = "console"  # its own output is not shown in it
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(slots=True)
class Usage:
    """What a process takes.

    Attributes:
        cpu: Of one core, in percent, newest last.
        megabytes: Resident memory, newest last.
        ticks: CPU used when it was looked at last.
        at: When that was.
        pid: Whose these are.
    """

    cpu: "deque[float]" = field(default_factory=lambda: deque(maxlen=KEPT_SAMPLES))
    megabytes: "deque[float]" = field(
        default_factory=lambda: deque(maxlen=KEPT_SAMPLES)
    )
    ticks: int = 0
    at: float = 0.0
    pid: int = 0


class Feed:
    """Reads files and asks the supervisor, in a thread, so that neither waits for us.

    Attributes:
        report: What the supervisor said last: `pid`, `seconds`, `services`.
        usage: What each process takes.
    """

    def __init__(
        self,
        places: Places,
        store: Store,
        *,
        since: float,
        on_change: Callable[[frozenset[str]], None] = lambda kinds: None,
    ) -> None:
        """Prepare.

        Args:
            places: Where the fleet keeps its state.
            store: Where rows go.
            since: When the run began; what was written before is not taken.
            on_change: Told when a process has changed.
        """
        self.report: dict[str, Any] = {"services": [], "seconds": 0.0}
        self.usage: dict[str, Usage] = {}
        self._places = places
        self._store = store
        self._since = since
        self._on_change = on_change
        self._tails: dict[str, Tail] = {}
        self._noted: dict[str, tuple[int, int]] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="feed", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def close(self) -> None:
        """Read what is there, and stop."""
        self._stop.set()
        self._thread.join()

    def _work(self) -> None:
        ask_at = sample_at = 0.0
        while True:
            stopping = self._stop.is_set()
            now = time.monotonic()
            if now >= ask_at and not stopping:
                ask_at = now + STATUS_SECONDS
                self._ask()
            if now >= sample_at:
                sample_at = now + SAMPLE_SECONDS
                self._sample()
            self._read()
            if stopping:
                return
            self._stop.wait(LOOK_SECONDS)

    def _ask(self) -> None:
        """Learn how every process is."""
        try:
            report = ask(self._places.run, "ps")
        except (FleetError, OSError, ValueError):
            return
        if report is not None and report["services"] != self.report["services"]:
            self._on_change(frozenset({"resources"}))
        self.report = report or self.report

    def _read(self) -> None:
        """Take the lines that are new, and note how far that was."""
        for path in sorted(self._places.logs.glob("*.log")):
            name = path.stem
            if name == CONSOLE:
                continue
            for text, at in self._fresh(path, name):
                self._put(log_row(name, text, at))
            self._note(path)
        for text, _ in self._fresh(self._places.changes, ""):
            row = event_row(text)
            if row is not None:
                self._put(row)
        self._note(self._places.changes)

    def _fresh(self, path: Path, name: str) -> list[tuple[str, str]]:
        """Return lines and times: at first what this run has written so far."""
        tail = self._tails.get(str(path))
        if tail is None:
            place = self._store.places.get(str(path))
            tail = self._tails[str(path)] = Tail(path, name, place)
            if place is None:
                past = history(path, name, since=self._since, end=tail.offset)
                return [(line.text, line.time) for line in past]
        return [(line.text, line.time) for line in tail.more()]

    def _note(self, path: Path) -> None:
        """Have it kept how far a file was read: should we end, we go on there."""
        place = self._tails[str(path)].place
        if place != self._noted.get(str(path)):
            self._noted[str(path)] = place
            self._put(PlaceRow(str(path), *place))

    def _put(self, row: Row) -> None:
        self._store.put((row,))

    def _sample(self) -> None:
        """Look at what each process takes, where the system tells."""
        if sys.platform != "linux":
            return
        for facts in self.report["services"]:
            if facts["pid"]:
                with suppress(OSError, ValueError, IndexError):
                    self._look(facts)

    def _look(self, facts: Mapping[str, Any]) -> None:
        pid = int(facts["pid"])
        usage = self.usage.setdefault(str(facts["name"]), Usage())
        fields = Path(f"/proc/{pid}/stat").read_text("ascii", "replace")
        numbers = fields.rpartition(")")[2].split()
        ticks, now = int(numbers[11]) + int(numbers[12]), time.monotonic()
        if usage.pid == pid:
            spent = (ticks - usage.ticks) / TICKS
            usage.cpu.append(100 * spent / max(now - usage.at, 0.001))
        usage.pid, usage.ticks, usage.at = pid, ticks, now
        usage.megabytes.append(int(numbers[21]) * PAGE_BYTES / 1e6)
