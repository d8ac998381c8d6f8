"""What processes use, read from /proc, and what went through the broker's file."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fleetwright_cli._errors import FleetError

PROC = Path("/proc")
_MESSAGES = """
select topic, count(*), sum(length(headers) + length(body)) from message
where seq > ? group by topic
"""


@dataclass(frozen=True, slots=True)
class Used:
    """What a process and its children have used so far.

    Attributes:
        cpu: Seconds, of user and system.
        memory: Bytes that are resident.
        sockets: Connections that are open, listeners among them.
        written: Bytes that were sent or written: answers, calls, log lines, pages of a
            database in a file.
    """

    cpu: float
    memory: int
    sockets: int
    written: int


def can_read() -> None:
    """Raise where the system does not tell what processes use.

    Raises:
        FleetError: There is no /proc.
    """
    if not (PROC / "self" / "io").exists():
        raise FleetError(
            "this system does not tell what a process uses",
            where=str(PROC),
            hint="measure on Linux; .fleet/plan.json may be carried from there",
        )


def used_by(pid: int) -> Used:
    """Return what a process and all below it have used.

    Args:
        pid: Of the process.

    Raises:
        OSError: It is gone.
    """
    found = [_used(pid)]
    for child in _below(pid):
        with suppress(OSError):  # ended meanwhile: its parent has its CPU
            found.append(_used(child))
    return Used(
        cpu=sum(one.cpu for one in found),
        memory=sum(one.memory for one in found),
        sockets=sum(one.sockets for one in found),
        written=sum(one.written for one in found),
    )


def sockets_of(pid: int) -> int:
    """Return how many connections a process has open.

    Args:
        pid: Of the process.

    Raises:
        OSError: It is gone.
    """
    count = 0
    for one in (PROC / str(pid) / "fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            count += os.readlink(one).startswith("socket:")
    return count


@dataclass(frozen=True, slots=True)
class Carried:
    """What a broker took in of a topic.

    Attributes:
        events: How many.
        bytes: Headers and bodies.
    """

    events: float
    bytes: float


@dataclass(frozen=True, slots=True)
class BrokerFile:
    """The file of the embedded broker, looked at from outside.

    Attributes:
        path: Where it is; it need not be there.
    """

    path: Path

    def last(self) -> int:
        """Return the number of the last event that was taken in."""
        rows = self._rows("select coalesce(max(seq), 0) from message")
        return int(rows[0][0]) if rows else 0

    def since(self, number: int) -> dict[str, Carried]:
        """Return what was taken in after an event, by topic.

        Args:
            number: Of that event.
        """
        rows = self._rows(_MESSAGES, number)
        return {str(topic): Carried(count, size) for topic, count, size in rows}

    def _rows(self, statement: str, *values: int) -> list[tuple[Any, ...]]:
        if not self.path.exists():
            return []
        address = f"{self.path.as_uri()}?mode=ro"
        with closing(sqlite3.connect(address, uri=True, timeout=30.0)) as connection:
            return connection.execute(statement, values).fetchall()


def _used(pid: int) -> Used:
    folder = PROC / str(pid)
    times = (folder / "stat").read_text("utf-8").rpartition(")")[2].split()[11:15]
    pages = (folder / "statm").read_text("ascii").split()[1]
    said = (folder / "io").read_text("ascii").splitlines()
    return Used(
        cpu=sum(map(int, times)) / os.sysconf("SC_CLK_TCK"),
        memory=int(pages) * os.sysconf("SC_PAGE_SIZE"),
        sockets=sockets_of(pid),
        written=next(int(one.split()[1]) for one in said if one.startswith("wchar")),
    )


def _below(pid: int) -> Iterator[int]:
    """Yield the children of a process, and theirs."""
    with suppress(OSError):
        for thread in (PROC / str(pid) / "task").iterdir():
            for child in (thread / "children").read_text("ascii").split():
                yield int(child)
                yield from _below(int(child))
