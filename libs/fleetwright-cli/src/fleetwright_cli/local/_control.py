"""How other commands talk to the supervisor: JSON lines over a Unix socket."""

import asyncio
import fcntl
import json
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from fleetwright_cli._errors import FleetError
from fleetwright_cli.local._process import Process
from fleetwright_cli.local._supervisor import Supervisor

SOCKET = "supervisor.sock"
PID = "supervisor.pid"
LONGEST_SOCKET_PATH = 100  # the system's limit is 107 on Linux, 103 on macOS


@contextmanager
def only_one(run_folder: Path) -> Iterator[None]:
    """Be the one supervisor of this fleet; at most one holds this at a time.

    The lock goes with the process that holds it: a crash leaves nothing to clean up.

    Args:
        run_folder: The fleet's `.fleet/run`.

    Raises:
        FleetError: Another one runs.
    """
    with (run_folder / PID).open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise _already(file) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)


def wait_for_none(run_folder: Path) -> None:
    """Wait until no supervisor runs: the console ends after the services.

    Args:
        run_folder: The fleet's `.fleet/run`.
    """
    with (run_folder / PID).open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)


def require_none(run_folder: Path) -> None:
    """Make sure that no supervisor runs.

    Args:
        run_folder: The fleet's `.fleet/run`.

    Raises:
        FleetError: One runs.
    """
    with (run_folder / PID).open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise _already(file) from None


def _already(file: IO[str]) -> FleetError:
    """Return the error about a second supervisor."""
    file.seek(0)
    pid = file.read().strip()
    return FleetError(
        "the fleet is already running" + (f" (supervisor pid {pid})" if pid else ""),
        where=file.name,
        hint="see it with `fleet ps`, stop it with `fleet down`",
    )


@contextmanager
def _address(run_folder: Path) -> Iterator[str]:
    """Yield a path of the socket that is short enough for the system."""
    path = str(run_folder / SOCKET)
    if len(path.encode()) <= LONGEST_SOCKET_PATH or not Path("/proc/self/fd").exists():
        yield path
        return
    folder = os.open(run_folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{SOCKET}"
    finally:
        os.close(folder)


def ask(run_folder: Path, do: str, **details: object) -> dict[str, Any] | None:
    """Ask the supervisor for something and wait for its reply.

    Args:
        run_folder: The fleet's `.fleet/run`.
        do: `ps`, `logs`, `wait`, `launches`, `restart`, `stop`, `start` or `down`.
        **details: Beside it, for example `services`.

    Returns:
        The reply; None when no supervisor runs.

    Raises:
        FleetError: It refused, or went away without a reply.
    """
    if not run_folder.is_dir():
        return None
    with socket.socket(socket.AF_UNIX) as connection, _address(run_folder) as path:
        try:
            connection.connect(path)
        except (FileNotFoundError, ConnectionRefusedError):
            return None  # a socket without a listener is left by a crash
        line = _exchange(connection, json.dumps({"do": do} | details))
    if not line:
        raise FleetError(
            "the supervisor went away without a reply",
            where=str(run_folder),
            hint=f"see {run_folder / 'supervisor.log'}, then `fleet up`",
        )
    reply: dict[str, Any] = json.loads(line)
    if "error" in reply:
        raise FleetError(**reply["error"])
    return reply


def _exchange(connection: socket.socket, request: str) -> bytes:
    """Return the reply's line; empty when the other side goes away."""
    try:
        connection.sendall(request.encode() + b"\n")
        with connection.makefile("rb") as answers:
            return answers.readline()
    except ConnectionError:
        return b""


class Control:
    """Answers the commands for one supervisor.

    One request a connection; several connections at once are fine.
    """

    def __init__(
        self, supervisor: Supervisor, *, console: Process | None = None
    ) -> None:
        """Answer for a supervisor.

        Args:
            supervisor: Who does what is asked.
            console: What shows the fleet in a browser, if anything does.
        """
        self._supervisor = supervisor
        self._console = console
        self._ended = asyncio.Event()
        self._open: set[asyncio.Task[None]] = set()
        self._doers: dict[str, Callable[[list[str]], Awaitable[dict[str, Any]]]] = {
            "ps": self._ps,
            "logs": self._logs,
            "wait": self._wait,
            "launches": self._launches,
            "restart": self._restart,
            "stop": self._stop,
            "start": self._start,
            "down": self._down,
        }

    @asynccontextmanager
    async def listening(self, run_folder: Path) -> AsyncIterator[None]:
        """Answer while inside; leaving means that everything has stopped.

        Args:
            run_folder: The fleet's `.fleet/run`; the caller holds `only_one` of it.
        """
        file = run_folder / SOCKET
        file.unlink(missing_ok=True)  # left by a supervisor that was killed
        with _address(run_folder) as path:
            server = await asyncio.start_unix_server(self._connected, path)
        file.chmod(0o600)
        try:
            yield
        finally:
            self._ended.set()
            server.close()
            file.unlink(missing_ok=True)
            if self._open:
                await asyncio.wait(self._open, timeout=1.0)
            for task in self._open:
                task.cancel()

    async def _connected(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Answer one request."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 (asyncio runs this as a task)
        self._open.add(task)
        try:
            reply = await self._reply(await reader.readline())
            writer.write(json.dumps(reply).encode() + b"\n")
            with suppress(ConnectionError):
                await writer.drain()
        finally:
            self._open.discard(task)
            writer.close()

    async def _reply(self, line: bytes) -> dict[str, Any]:
        """Return the reply to one line."""
        try:
            request = json.loads(line)
            do = self._doers[request["do"]]
        except (ValueError, KeyError, TypeError):
            return {
                "error": {
                    "message": "the supervisor does not know this request",
                    "hint": "it may be of another version: `fleet down`, `fleet up`",
                }
            }
        try:
            return await do(list(request.get("services") or ()))
        except FleetError as error:
            parts = {"message": error.message, "where": error.where, "hint": error.hint}
            return {"error": parts}

    def _report(self) -> dict[str, Any]:
        """Return how everything is."""
        report: dict[str, Any] = {
            "running": not self._ended.is_set(),
            "pid": os.getpid(),
            "seconds": round(self._supervisor.seconds, 3),
            "services": [status.facts() for status in self._supervisor.statuses],
        }
        if self._console is not None:
            report["console"] = self._console.status.facts()
        return report

    async def _ps(self, services: list[str]) -> dict[str, Any]:
        """Say how everything is."""
        return self._report()

    async def _logs(self, services: list[str]) -> dict[str, Any]:
        """Say what the current process of each service wrote last."""
        found = self._supervisor.named(services)
        return {"lines": {p.launch.name: list(p.log.last) for p in found}}

    async def _launches(self, services: list[str]) -> dict[str, Any]:
        """Say how each process was started; only its owner can open our socket."""
        found = [process.launch for process in self._supervisor.named(services)]
        return {
            "launches": [
                {
                    "name": launch.name,
                    "service": launch.service,
                    "python": launch.argv[0],
                    "folder": str(launch.folder),
                    "environment": dict(launch.environment),
                }
                for launch in found
            ]
        }

    async def _wait(self, services: list[str]) -> dict[str, Any]:
        """Say how everything is once all are ready or one is given up."""
        await self._or_ended(self._supervisor.settled_or_failed())
        return self._report()

    async def _restart(self, services: list[str]) -> dict[str, Any]:
        """Restart services and wait until they are ready."""
        found = self._supervisor.named(services)
        for process in found:
            process.restart("asked by `fleet restart`")
        await self._or_ended(self._supervisor.settled(found))
        return {"services": [process.status.facts() for process in found]}

    async def _stop(self, services: list[str]) -> dict[str, Any]:
        """Stop services and wait for it."""
        found = self._supervisor.named(services)
        for process in found:
            process.stop()
        await self._or_ended(self._supervisor.settled(found))
        return {"services": [process.status.facts() for process in found]}

    async def _start(self, services: list[str]) -> dict[str, Any]:
        """Start services that were stopped or have failed, and wait."""
        found = self._supervisor.named(services)
        for process in found:
            process.start()
        await self._or_ended(self._supervisor.settled(found))
        return {"services": [process.status.facts() for process in found]}

    async def _down(self, services: list[str]) -> dict[str, Any]:
        """Stop everything and say how each ended."""
        self._supervisor.stop()
        await self._ended.wait()
        return self._report()

    async def _or_ended(self, waited: Awaitable[None]) -> None:
        """Wait for something, but not past the end of everything."""
        tasks = (
            asyncio.ensure_future(waited),
            asyncio.ensure_future(self._ended.wait()),
        )
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
