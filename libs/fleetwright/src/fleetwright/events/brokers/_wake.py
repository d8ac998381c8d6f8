"""Wake-ups between the processes of one machine: a datagram that says "look"."""

import asyncio
import contextlib
import hashlib
import os
import socket
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from uuid import uuid4

LOOK = b"l"  # something was published
LANES = b"m"  # a member came or went


class Bell:
    """A datagram socket that others ring; lost rings are made good by a slow poll.

    Attributes:
        name: What others ring it by.
    """

    def __init__(self, file: str, rung: Callable[[bytes], None]) -> None:
        """Listen on the running loop.

        Args:
            file: What the rings are about; the same for all who share it.
            rung: Called with what the ring says.
        """
        about = hashlib.sha256(str(Path(file).resolve()).encode()).hexdigest()[:16]
        self.name = f"fleetwright-{about}-{uuid4().hex}"
        self._rung = rung
        self._socket: socket.socket | None = None
        self._loop = asyncio.get_running_loop()
        if hasattr(socket, "AF_UNIX"):
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._socket.setblocking(False)
            self._socket.bind(_address(self.name))
            self._loop.add_reader(self._socket, self._read)

    def _read(self) -> None:
        said = set()
        with contextlib.suppress(BlockingIOError):
            while self._socket is not None:
                said.add(self._socket.recv(16))
        for what in sorted(said):
            self._rung(what)

    def close(self) -> None:
        """Stop listening."""
        if self._socket is not None:
            self._loop.remove_reader(self._socket)
            self._socket.close()
            self._socket = None
            if not _is_abstract():
                with contextlib.suppress(OSError):
                    os.unlink(_address(self.name))


def ring(names: Iterable[str], what: bytes) -> None:
    """Ring the bells of others; those that are gone or full are passed over.

    Args:
        names: Of their bells.
        what: `LOOK` or `LANES`.
    """
    if not hasattr(socket, "AF_UNIX"):
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.setblocking(False)
        for name in names:
            with contextlib.suppress(OSError):
                sender.sendto(what, _address(name))


def _is_abstract() -> bool:
    return sys.platform == "linux"


def _address(name: str) -> str:
    # Linux: a name without a file, gone with the process however it ends.
    return f"\0{name}" if _is_abstract() else str(Path(tempfile.gettempdir()) / name)
