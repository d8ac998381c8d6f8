"""Numbers that all processes share, also past their death: a mapped file."""

import mmap
import struct
from pathlib import Path

from tortured.plan import ROLES

OUTCOMES = ("handled", "duplicate", "parked", "dead", "unheard", "fenced")
FAILURES = ("outbox.relay_failed", "consumer.failed", "producer.failed")
_SHARED = ("allowed", "trouble", "stop", "disk_fails_share")
_OWN = (
    "clock_ahead",
    "armed_point",
    "armed_after",
    "stops_itself",
    "rolled_back",
    "retried",
)
_NAMES = (
    *_SHARED,
    *(f"{role.name}/{name}" for role in ROLES
      for name in (*_OWN, *OUTCOMES, *FAILURES)),
)  # fmt: skip
_INDEX = {name: index * 8 for index, name in enumerate(_NAMES)}
_NUMBER = struct.Struct("d")


class Board:
    """One number for each name; written by one process, read by any.

    A number of eight aligned bytes is never seen half written.
    """

    def __init__(self, folder: Path, *, make: bool = False) -> None:
        """Open the file of a torture.

        Args:
            folder: Of the torture.
            make: Make it, all zero.
        """
        path = folder / "board"
        if make:
            path.write_bytes(bytes(len(_NAMES) * 8))
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), 0)

    def __getitem__(self, name: str) -> float:
        """Return a number."""
        return float(_NUMBER.unpack_from(self._memory, _INDEX[name])[0])

    def __setitem__(self, name: str, value: float) -> None:
        """Write a number."""
        _NUMBER.pack_into(self._memory, _INDEX[name], value)

    def __contains__(self, name: str) -> bool:
        """Return whether there is such a number."""
        return name in _INDEX

    def count(self, name: str) -> None:
        """Add one."""
        self[name] += 1

    def total(self, name: str) -> int:
        """Return the sum over all roles."""
        return int(sum(self[f"{role.name}/{name}"] for role in ROLES))
