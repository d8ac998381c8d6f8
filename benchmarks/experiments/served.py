"""One service in a process of its own, and what its log says."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

BENCHMARKS = Path(__file__).resolve().parent.parent
START_SECONDS = 30.0
STOP_SECONDS = 15.0


class Served:
    """A running service.

    Attributes:
        process: Its process.
        url: Where it answers.
        lines: What it has written, as documents; text that is none under `text`.
        reading: Whether its output is read; without it the pipe fills up.
    """

    def __init__(self, process: Process) -> None:
        """Read what a process writes.

        Args:
            process: The process, its output piped.
        """
        self.process = process
        self.url = ""
        self.lines: list[dict[str, Any]] = []
        self.reading = asyncio.Event()
        self.reading.set()
        self._changed = asyncio.Condition()
        self.reader = asyncio.create_task(self._read())

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    async def _read(self) -> None:
        assert self.process.stdout is not None
        while True:
            await self.reading.wait()
            try:
                line = await self.process.stdout.readline()
            except ValueError:  # longer than the buffer of the reader
                continue
            if not line:
                break
            try:
                told = json.loads(line)
            except ValueError:
                told = {"event": "text", "text": line.decode("utf-8", "replace")}
            self.lines.append(told)
            async with self._changed:
                self._changed.notify_all()
        async with self._changed:
            self._changed.notify_all()

    async def until(self, so: Callable[[], object], seconds: float) -> None:
        """Wait for something that its output shows.

        Args:
            so: Looked at after each line.
            seconds: How long to wait.

        Raises:
            TimeoutError: It was never so.
        """
        async with asyncio.timeout(seconds), self._changed:
            while not so():
                if self.reader.done():
                    raise RuntimeError(f"it has ended: {self.lines[-5:]}")
                await self._changed.wait()

    def told(self, event: str, **fields: object) -> list[dict[str, Any]]:
        """Return its lines of one event with these fields.

        Args:
            event: The event.
            **fields: Fields it must have.
        """
        return [
            line
            for line in list(self.lines)
            if line.get("event") == event
            and all(line.get(name) == value for name, value in fields.items())
        ]

    def rss_bytes(self) -> int:
        """Return the memory it holds; 0 when it has ended."""
        try:
            text = Path(f"/proc/{self.pid}/statm").read_text("ascii")
        except (FileNotFoundError, ProcessLookupError):
            return 0
        return int(text.split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def open_files(self) -> int:
        """Return how many descriptors it has open."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    async def stop(self) -> int:
        """Stop it as an operator would, and return its exit code."""
        self.reading.set()
        if self.process.returncode is None:
            with suppress(ProcessLookupError):
                self.process.send_signal(signal.SIGCONT)
                self.process.terminate()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                return await self.process.wait()
        except TimeoutError:
            self.process.kill()
            return await self.process.wait()


def command(app: str, mutant: str | None) -> list[str]:
    """Return what starts a service.

    Args:
        app: The name of the function in `apps.py`, or a whole target.
        mutant: The mistake it starts with; None for none.
    """
    target = app if ":" in app else f"experiments.apps:{app}"
    if mutant is None:
        return [sys.executable, "-m", "fleetwright.serve", target]
    return [sys.executable, "-m", "experiments.mutated", mutant, target]


def variables(folder: Path, given: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a service: ours, bare of settings, and its own.

    Args:
        folder: Where it keeps data.
        given: Its settings.
    """
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return {
        **kept,
        "PYTHONPATH": str(BENCHMARKS),
        "PYTHONUNBUFFERED": "1",
        "ENVIRONMENT": "development",
        "AUTH": "off",  # the experiments are not about who calls
        "LOG_FORMAT": "json",
        "PORT": "0",
        "MAX_IN_FLIGHT": "1000",  # what is not about admission is not to meet it
        "DATABASE_URL": f"sqlite+aiosqlite:///{folder}/data.db",
        **given,
    }


@asynccontextmanager
async def serve(
    folder: Path, app: str, mutant: str | None, environment: Mapping[str, str]
) -> AsyncIterator[Served]:
    """Run a service inside the block.

    Args:
        folder: Where it runs.
        app: The name of the function in `apps.py`.
        mutant: The mistake it starts with; None for none.
        environment: Its settings.

    Yields:
        The service, ready.
    """
    process = await asyncio.create_subprocess_exec(
        *command(app, mutant),
        cwd=folder,
        env=variables(folder, environment),
        stdout=PIPE,
        stderr=asyncio.subprocess.STDOUT,
        limit=1 << 20,
    )
    running = Served(process)
    try:
        await running.until(lambda: running.told("service.ready"), START_SECONDS)
        running.url = f"http://127.0.0.1:{running.told('service.ready')[0]['port']}"
        yield running
    finally:
        await running.stop()
        running.reader.cancel()
        await asyncio.wait([running.reader])
