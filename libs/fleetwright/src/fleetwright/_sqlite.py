"""SQLite made safe: a version without the WAL-reset bug, one set of pragmas.

Two connections that write and checkpoint at once could drop committed pages in older
versions of SQLite. A file is opened only through a module that bundles a mended one.
"""

import importlib
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Literal

from fleetwright.errors import FleetwrightError

try:
    import fcntl
except ImportError:  # Windows has no flock; SQLite's own busy timeout serves alone
    # A module cannot be None for mypy.
    fcntl = None  # type: ignore[assignment]

Synchronous = Literal["FULL", "NORMAL"]
BUSY_SECONDS = 15.0
_MEMORY = (None, "", ":memory:")
_NETWORK = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs"}
_pending: set[object] = set()


def is_safe(version: tuple[int, ...]) -> bool:
    """Return whether that version of SQLite is free of the WAL-reset bug.

    Args:
        version: As in `sqlite3.sqlite_version_info`.

    Returns:
        True for 3.51.3 and later, and for the mended 3.50.7+ and 3.44.6+.
    """
    return (
        version >= (3, 51, 3)
        or (3, 50, 7) <= version < (3, 51)
        or (3, 44, 6) <= version < (3, 45)
    )


@cache
def sqlite_module() -> ModuleType:
    """Return a DB-API module whose SQLite may share a file between connections.

    Returns:
        `sqlite3`, or `pysqlite3` where the interpreter's own SQLite is not mended.

    Raises:
        FleetwrightError: Neither has a mended SQLite.
    """
    if is_safe(sqlite3.sqlite_version_info):
        return sqlite3
    try:
        bundled = importlib.import_module("pysqlite3.dbapi2")
    except ImportError:
        bundled = None
    if bundled is not None and is_safe(bundled.sqlite_version_info):
        return bundled
    raise FleetwrightError(
        "SQLite can lose committed pages when two connections share a file",
        where=f"SQLite {sqlite3.sqlite_version} of this Python interpreter",
        hint="add `fleetwright[sqlite]` to requirements.in: it brings a mended one",
    )


def is_memory(path: str | None) -> bool:
    """Return whether a database of that name lives in memory.

    Args:
        path: The database part of a SQLite URL.

    Returns:
        True for no name and for `:memory:`.
    """
    return path in _MEMORY


def require_writable(path: str) -> None:
    """Fail early and plainly where a database file cannot be kept.

    Args:
        path: The database file; it need not exist yet.

    Raises:
        FleetwrightError: The folder is missing or on a network, or the file or its
            folder is not writable.
    """
    file = Path(path).absolute()
    if not file.parent.is_dir():
        raise FleetwrightError(
            "the folder of the database does not exist",
            where=str(file),
            hint=f"make it with `mkdir -p {file.parent}`, or correct the URL",
        )
    written = file if file.exists() else file.parent
    if file.is_dir() or not os.access(written, os.W_OK):
        raise FleetwrightError(
            "the database cannot be written",
            where=str(file),
            hint="give the service's user write access to the file and its folder",
        )
    if (kind := _filesystem(file)) in _NETWORK:
        raise FleetwrightError(
            "SQLite in WAL mode needs a local disk",
            where=f"{file} is on {kind}",
            hint="keep the file on a local disk, or use PostgreSQL",
        )


def _filesystem(file: Path) -> str:
    """Return the kind of file system a file is on; empty where it is not known."""
    try:
        mounts = Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    best, found = -1, ""
    for mount in mounts:
        _, point, kind, *_ = mount.split()
        if file.is_relative_to(point) and len(point) > best:
            best, found = len(point), kind
    return found


def connect(
    path: str | None,
    *,
    synchronous: Synchronous = "FULL",
    busy_seconds: float = BUSY_SECONDS,
) -> sqlite3.Connection:
    """Open one connection with our pragmas; nothing begins a transaction unasked.

    Args:
        path: The database file; None or `:memory:` for one in memory.
        synchronous: FULL survives a power cut, NORMAL only the death of the process.
        busy_seconds: How long a writer waits for another process.

    Returns:
        A connection in autocommit mode, usable from any one thread at a time.

    Raises:
        FleetwrightError: No safe SQLite, or the file cannot be kept there.
    """
    if is_memory(path):
        memory = sqlite3.connect(
            ":memory:", isolation_level=None, check_same_thread=False
        )
        memory.execute("pragma foreign_keys=on")
        return memory
    file = str(path)
    module = sqlite_module()
    require_writable(file)
    connection: sqlite3.Connection = module.connect(
        file, timeout=busy_seconds, isolation_level=None, check_same_thread=False
    )
    try:
        _to_wal(connection, module, busy_seconds)
        connection.execute(f"pragma synchronous={synchronous}")
        connection.execute("pragma foreign_keys=on")
    except BaseException:
        connection.close()
        raise
    return connection


def _to_wal(
    connection: sqlite3.Connection, module: ModuleType, busy_seconds: float
) -> None:
    # The change to WAL needs the file for itself and does not ask the busy timeout.
    end = time.monotonic() + busy_seconds
    while True:
        try:
            connection.execute("pragma journal_mode=wal").fetchone()
            return
        except module.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > end:
                raise
            time.sleep(0.005)


class WriterTurn:
    """Turns at writing one file, handed out fairly between processes.

    SQLite's busy timeout polls and can starve one of two busy writers; `flock` queues
    them. Taken before `BEGIN IMMEDIATE`, for as short as the transaction.
    """

    def __init__(self, path: str) -> None:
        """Hand out turns at writing the database file `path`."""
        self._file: int | None = None
        if fcntl is not None:
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
            self._file = os.open(f"{path}-turn", flags, 0o666)

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Hold the turn in the block; waits in the calling thread."""
        if self._file is None:
            yield
            return
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        """Give up the side file; its turn, if held, is free."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


@contextmanager
def working() -> Iterator[None]:
    """Count the block as one SQLite operation a thread works at for this loop."""
    operation = object()
    _pending.add(operation)
    try:
        yield
    finally:
        _pending.discard(operation)


def in_flight() -> int:
    """Return how many SQLite operations threads are working at.

    A loop that jumps over waiting must not jump while this is more than zero.
    """
    return len(_pending)
