"""What every server has in common: a folder, ports, a life."""

import json
import os
import shutil
import signal
import socket
import time
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from pathlib import Path

from infrastructure import certificates, processes
from infrastructure.problems import InfraError

HOST = "127.0.0.1"
PORTS = 10  # of one instance: each server has its own places among them
START_SECONDS = 120.0
STOP_SECONDS = 30.0
_LOOK_SECONDS = 0.05


@dataclass(frozen=True)
class Given:
    """What was decided when a server was made.

    Attributes:
        first_port: The first of the ports of its instance.
        durable: Whether what is committed survives a power cut, not only a kill.
        secret: Its password, where it has one.
        tls: Whether it speaks TLS, and nothing else.
    """

    first_port: int
    durable: bool
    secret: str
    tls: bool = False


class Server(ABC):
    """One server of an instance."""

    kind: str
    variable: str  # the tests' name for its URL
    fleet_variable: str  # the name of `fleet up` for it
    stop_signal = signal.SIGTERM

    def __init__(self, folder: Path, given: Given) -> None:
        """Describe it; nothing is made yet.

        Args:
            folder: All that belongs to it.
            given: What was decided when it was made.
        """
        self.folder = folder
        self.given = given
        self.log = folder / "log"
        self.note = folder / "process"

    @abstractmethod
    def require(self) -> None:
        """Raise `MissingError` where something must be installed first."""

    @abstractmethod
    def make(self) -> None:
        """Make what it needs on disk, before its first start."""

    @abstractmethod
    def launch(self) -> None:
        """Start its processes."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether it speaks its protocol and takes work."""

    @abstractmethod
    def ports(self) -> tuple[int, ...]:
        """Return the ports it listens on."""

    @property
    @abstractmethod
    def url(self) -> str:
        """Where it is, as tests and services are told."""

    @property
    def authority(self) -> Path:
        """Who vouches for its certificate."""
        return self.folder / certificates.AUTHORITY

    def connected(self) -> socket.socket:
        """Return a connection to it, over which its protocol is spoken."""
        connection = connected(self.ports()[0])
        if not self.given.tls:
            return connection
        return certificates.secured(connection, self.authority, HOST)

    def notes(self) -> list[Path]:
        """Return the notes of its processes; the server itself is the first."""
        return [self.note]

    def exports(self) -> dict[str, str]:
        """Return the variables that tell tests of it."""
        return {self.variable: self.url}

    def fleet_exports(self) -> dict[str, str]:
        """Return the variables that make `fleet up` use it."""
        return {self.fleet_variable: self.url}

    def keep(self) -> None:
        """Write down what was decided, for later commands."""
        (self.folder / "given.json").write_text(json.dumps(asdict(self.given)))

    def begin(self) -> None:
        """Start it and wait until it answers; nothing to do where it runs.

        Raises:
            InfraError: Its ports are taken, or it did not come up.
        """
        if not processes.running(self.note):
            require_free(self.kind, self.ports())
            self.launch()
        until = time.monotonic() + START_SECONDS
        while not self.answers():
            is_alive = bool(processes.running(self.note))
            if not is_alive or time.monotonic() > until:
                why = "is not up after 120 s" if is_alive else "ended at its start"
                raise InfraError(
                    f"{self.kind} {why}; {self.log} ends with:\n{self._tail()}"
                )
            time.sleep(_LOOK_SECONDS)

    def kill(self) -> None:
        """End it at once, with all its processes; its data stays."""
        for note in self.notes():
            processes.kill(note)

    def stop(self) -> None:
        """Ask it to stop, and wait; its data stays.

        Raises:
            InfraError: It did not stop in time, and was killed.
        """
        pids = processes.running(self.note)
        processes.send(pids[:1], self.stop_signal)
        gone = processes.wait_gone(pids, seconds=STOP_SECONDS)
        self.kill()
        if not gone:
            raise InfraError(f"{self.kind} did not stop in {STOP_SECONDS:g} s: killed")

    def pause(self) -> None:
        """Freeze it: connections stay, nothing is answered."""
        for note in self.notes():
            processes.send(processes.running(note), signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        for note in self.notes():
            processes.send(processes.running(note), signal.SIGCONT)

    def remove(self) -> None:
        """End it and remove its data."""
        self.kill()
        shutil.rmtree(self.folder.resolve(), ignore_errors=True)
        if self.folder.is_symlink():
            self.folder.unlink()

    def _tail(self) -> str:
        try:
            return "\n".join(self.log.read_text("utf-8", "replace").splitlines()[-15:])
        except OSError:
            return "(nothing was written)"


def require_free(kind: str, ports: tuple[int, ...]) -> None:
    """Make sure that nobody listens on ports.

    Raises:
        InfraError: Somebody does.
    """
    taken = [str(port) for port in ports if not is_free(port)]
    if taken:
        raise InfraError(
            f"{kind} cannot be started: {HOST}:{', '.join(taken)} is taken; "
            "give another --port, or none to have free ones found"
        )


def is_free(port: int) -> bool:
    """Whether nobody listens on a port of this machine."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def connected(port: int, seconds: float = 2.0) -> socket.socket:
    """Return a connection to a port of this machine.

    Args:
        port: The port.
        seconds: How long anything on it may take.
    """
    return socket.create_connection((HOST, port), timeout=seconds)


def received(connection: socket.socket, size: int) -> bytes:
    """Return exactly `size` bytes.

    Raises:
        OSError: The other side closed before.
    """
    found = b""
    while len(found) < size:
        part = connection.recv(size - len(found))
        if not part:
            raise ConnectionResetError("closed")
        found += part
    return found


def plain_environment(**more: str) -> dict[str, str]:
    """Return the least environment a server needs, and `more`."""
    kept = ("PATH", "HOME", "LANG", "TZ", "TMPDIR", "JAVA_HOME")
    return {name: os.environ[name] for name in kept if name in os.environ} | more
