"""A plugin of pytest: a test that reaches for something outside of itself is stopped.

It is copied beside the tests of a service and run by that service's interpreter, so it
imports nothing but pytest. Python's own audit events tell what is reached for: whatever
library does it, and whatever catches the refusal.
"""

import json
import os
import sys
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any, TextIO

import pytest

REPORT = "FLEET_ALONE"  # the variable that names the file to write to
_STARTED = frozenset(
    (
        *("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn"),
        *("os.fork", "os.forkpty"),
    )
)
_REACHED = frozenset(
    (
        *("socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg"),
        *("socket.getaddrinfo", "socket.gethostbyname"),
    )
)
_CHANGED = frozenset(
    ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.symlink", "os.truncate")
)
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class NotAloneError(RuntimeError):
    """A test reached for something outside of itself."""


class Alone:
    """Stops and notes what the running test reaches for.

    Attributes:
        report: Where it is noted, one JSON object a line.
    """

    def __init__(self, report: TextIO, free: tuple[str, ...]) -> None:
        """Listen to every audit event of this process from now on.

        Args:
            report: Where to note.
            free: Folders in which a test may write.
        """
        self.report = report
        self._free = free
        self._place: tuple[str, int] | None = None
        sys.addaudithook(self._heard)

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(
        self, item: pytest.Item
    ) -> Generator[None, object, None]:
        """Watch over a test with its fixtures.

        Args:
            item: The test.
        """
        _, line, _ = item.location
        self._place = str(item.path), (line or 0) + 1
        yield
        self._place = None

    def _heard(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Stop what is not a test's to do."""
        if self._place is None:
            return
        what = self._reached(event, arguments)
        if what:
            path, line = self._place
            note = {"path": path, "line": line, "what": what}
            self.report.write(json.dumps(note) + "\n")
            self.report.flush()
            raise NotAloneError(f"a unit test {what}")

    def _reached(self, event: str, arguments: tuple[Any, ...]) -> str:
        """Return what an event reaches for; nothing for what stays inside."""
        if event in _REACHED:
            where = arguments[1] if event.startswith("socket.s") else arguments[-1]
            where = arguments[0] if event.startswith("socket.get") else where
            return f"reaches for the network ({event}, {where!r})"
        if event in _STARTED:
            return f"starts a process ({str(arguments[0])[:80]})"
        if event == "open" and _is_written(arguments[1], arguments[2]):
            return self._written(arguments[0])
        if event in _CHANGED or event == "sqlite3.connect":
            return self._written(arguments[0])
        return ""

    def _written(self, path: object) -> str:
        """Return that a path outside of temporary folders is written."""
        if not isinstance(path, str | bytes | os.PathLike):
            return ""  # a descriptor: it was opened before
        name = os.fsdecode(path)
        if name == "" or ":memory:" in name or name.startswith("/dev/"):
            return ""
        whole = os.path.realpath(name)
        return "" if whole.startswith(self._free) else f"writes {whole}"


def _is_written(mode: str | None, flags: int) -> bool:
    """Return whether a file is opened for more than reading."""
    if isinstance(mode, str):
        return not set(mode).isdisjoint("wax+")
    return bool(flags & _WRITES)


def pytest_configure(config: pytest.Config) -> None:
    """Begin, where the variable says so.

    Args:
        config: Pytest's.
    """
    place = os.environ.get(REPORT)
    if place:
        # It stays open: to open it at each note would be noted, too.
        report = Path(place).open("a", encoding="utf-8")  # noqa: SIM115 - see above
        config.add_cleanup(report.close)
        base = config.getoption("basetemp", None) or tempfile.gettempdir()
        free = (tempfile.gettempdir(), str(base))
        config.pluginmanager.register(
            Alone(report, tuple(os.path.realpath(one) for one in free)), "fleet-alone"
        )
