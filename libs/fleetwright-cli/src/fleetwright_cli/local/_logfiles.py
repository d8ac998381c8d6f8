"""The output of every service in a file of its own, bounded, and read back in order."""

import heapq
import json
import os
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from fleetwright_cli.local._status import now_text

ROTATE_BYTES = 5_000_000
KEPT_FILES = 3
REMEMBERED_LINES = 50


@dataclass(frozen=True, slots=True)
class Line:
    """One line of one service.

    Attributes:
        service: Whose line it is.
        text: The line as it was written.
        time: When, ISO 8601 in UTC; a line without a time of its own (a traceback)
            has that of the line before it.
        fields: The parsed JSON of the line; None when it is plain text.
    """

    service: str
    text: str
    time: str
    fields: dict[str, object] | None

    @classmethod
    def parse(cls, service: str, text: str, time: str) -> "Line":
        """Read one line.

        Args:
            service: Whose line it is.
            text: The line without its end.
            time: Used when the line does not say when it was written.

        Returns:
            The line as a value.
        """
        fields = None
        if text.startswith("{"):
            try:
                fields = json.loads(text)
            except ValueError:
                fields = None
        said = fields.get("time") or fields.get("timestamp") if fields else None
        return cls(service, text, said if isinstance(said, str) else time, fields)


class LogFile:
    """The output of one process: a file of at most 5 MB, three older ones beside it.

    Used by one task. A line that cannot be written (full disk) is still remembered.

    Attributes:
        path: The current file.
        last: The latest lines of the current start, oldest first.
    """

    def __init__(self, path: Path, *, rotate_bytes: int = ROTATE_BYTES) -> None:
        """Open the file for appending.

        Args:
            path: Where it is; the folder is made.
            rotate_bytes: Past this size it becomes `<name>.log.1`.
        """
        self.path = path
        self.last: deque[str] = deque(maxlen=REMEMBERED_LINES)
        self._rotate_bytes = rotate_bytes
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("ab", buffering=0)
        self._bytes = self._file.tell()

    def write(self, text: str) -> None:
        """Append one line.

        Args:
            text: Without its end.
        """
        self.last.append(text)
        raw = text.encode("utf-8", "replace") + b"\n"
        if self._bytes and self._bytes + len(raw) > self._rotate_bytes:
            self._rotate()
        self._file.write(raw)
        self._bytes += len(raw)

    def note(self, event: str, **fields: object) -> str:
        """Append a line of our own, as JSON, and return it.

        Args:
            event: `process.started` and the like.
            **fields: Facts of the event.

        Returns:
            The line.
        """
        line = {"time": now_text(), "level": "info", "event": event, "logger": "fleet"}
        text = json.dumps(line | fields)
        self.write(text)
        return text

    def forget(self) -> None:
        """Forget the latest lines: a new start begins."""
        self.last.clear()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _rotate(self) -> None:
        """Move the file to `.1`, older ones on by one; the oldest is dropped."""
        self._file.close()
        for number in range(KEPT_FILES, 0, -1):
            older = _numbered(self.path, number - 1)
            if older.exists():
                older.replace(_numbered(self.path, number))
        self._file = self.path.open("ab", buffering=0)
        self._bytes = 0


def _numbered(path: Path, number: int) -> Path:
    """Return the path of an older file; number 0 is the current one."""
    return path.with_name(f"{path.name}.{number}") if number else path


def history(
    path: Path, service: str, *, since: float | None = None, end: int | None = None
) -> Iterator[Line]:
    """Yield what is kept of one service, oldest first.

    Args:
        path: Its current log file; older ones are found beside it.
        service: Whose lines these are.
        since: Only lines from this time on, in seconds since 1970; None for all.
        end: Where the current file is left to a `Tail`, in bytes; None for its end.
    """
    first = None if since is None else _text_of(since)
    time = ""
    for number in range(KEPT_FILES, -1, -1):
        file = _numbered(path, number)
        if not file.exists():
            continue
        if since is not None and file.stat().st_mtime < since:
            continue
        with file.open("rb") as lines:
            for raw in lines:
                if number == 0 and end is not None and lines.tell() > end:
                    return
                text = raw.decode("utf-8", "replace").rstrip("\r\n")
                line = Line.parse(service, text, time)
                time = line.time
                if first is None or time >= first:
                    yield line


def merged(histories: Iterable[Iterator[Line]]) -> Iterator[Line]:
    """Yield the lines of several services by time.

    Args:
        histories: One iterator a service, each oldest first.
    """
    yield from heapq.merge(*histories, key=lambda line: line.time)


def _text_of(seconds: float) -> str:
    """Return a time as services write it, comparable as text."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _inode(path: Path) -> int:
    """Return which file a path is; 0 for none."""
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return 0


class Tail:
    """What is added to one log file from now on, also across its rotation.

    Attributes:
        name: Whose lines these are.
        offset: How far it has been read, in bytes.
    """

    def __init__(
        self, path: Path, name: str, place: tuple[int, int] | None = None
    ) -> None:
        """Follow a file.

        Args:
            path: The current file; it may appear later.
            name: Whose lines these are.
            place: Where from, as another tail said it; None for the file's end.
        """
        self._path = path
        self.name = name
        self._time = now_text()
        self._rest = b""
        self._inode = 0
        self.offset = 0
        found = self._stat()
        if place is not None:
            self._inode, self.offset = place
        elif found is not None:
            self._inode = found.st_ino
            self.offset = found.st_size

    @property
    def place(self) -> tuple[int, int]:
        """Where the next line begins: which file that is, and the byte in it."""
        return self._inode, self.offset - len(self._rest)

    def _stat(self) -> os.stat_result | None:
        """Return the file's facts; None while there is none."""
        try:
            return self._path.stat()
        except FileNotFoundError:
            return None

    def more(self) -> list[Line]:
        """Return whole lines added since the last call, oldest first."""
        found = self._stat()
        if found is None:
            return []
        raw = b""
        if found.st_ino != self._inode:
            if self._inode:
                raw += self._rotated()
            self._inode, self.offset = found.st_ino, 0
        if found.st_size > self.offset:
            raw += self._read(self._path)
        *whole, self._rest = (self._rest + raw).split(b"\n")
        return [self._parsed(text.decode("utf-8", "replace")) for text in whole]

    def _rotated(self) -> bytes:
        """Return the rest of our file, and the files between it and the current one."""
        paths = [_numbered(self._path, number) for number in range(KEPT_FILES, 0, -1)]
        inodes = [_inode(path) for path in paths]
        if self._inode in inodes:
            paths = paths[inodes.index(self._inode) :]
        else:
            self.offset = 0  # it is thrown away, and all of these came after it
        raw = b""
        for path in paths:
            raw += self._read(path)
            self.offset = 0
        return raw

    def _read(self, path: Path) -> bytes:
        """Return the bytes of a file from where we are."""
        try:
            with path.open("rb") as file:
                file.seek(self.offset)
                raw = file.read()
        except FileNotFoundError:
            return b""
        self.offset += len(raw)
        return raw

    def _parsed(self, text: str) -> Line:
        """Return a line that has a time."""
        line = Line.parse(self.name, text.rstrip("\r"), self._time)
        self._time = line.time
        return line
