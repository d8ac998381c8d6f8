"""A service in a process of its own, and raw connections to it, for tests."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any


class Running:
    """A service in a process of its own.

    Attributes:
        process: The process.
        events: The log lines read so far.
        url: Where it listens.
        port: The port of it.
    """

    def __init__(self, process: Process) -> None:
        """Watch a process."""
        self.process = process
        self.events: list[dict[str, Any]] = []
        self.url = ""
        self.port = 0

    async def until(self, event: str) -> dict[str, Any]:
        """Read its lines up to an event."""
        assert self.process.stdout is not None
        async with asyncio.timeout(60):
            async for line in self.process.stdout:
                self.events.append(json.loads(line))
                if self.events[-1]["event"] == event:
                    return self.events[-1]
        raise AssertionError(f"no {event} in {self.events}")

    async def ended(self) -> int:
        """Read the rest of its lines and return its exit code."""
        assert self.process.stdout is not None
        async with asyncio.timeout(60):
            async for line in self.process.stdout:
                self.events.append(json.loads(line))
            return await self.process.wait()

    @property
    def names(self) -> list[object]:
        """The events so far."""
        return [line["event"] for line in self.events]

    async def exchange(self, *pieces: bytes, seconds: float = 60) -> bytes:
        """Send pieces over a connection of its own and read until it is closed."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            async with asyncio.timeout(seconds):
                return await reader.read()
        except (ConnectionResetError, BrokenPipeError):
            return b"reset"
        finally:
            writer.close()


async def spawn(folder: Path, *arguments: str, **environment: str) -> Process:
    """Start `python -m fleetwright.serve` in the folder."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "fleetwright.serve",
        *arguments,
        cwd=folder,
        env=os.environ
        | {"PORT": "0", "LOG_FORMAT": "json", "ENVIRONMENT": "test"}
        | environment,
        stdout=PIPE,
        stderr=PIPE,
    )


@asynccontextmanager
async def running(
    folder: Path, *arguments: str, **environment: str
) -> AsyncIterator[Running]:
    """Start a service, wait until it is ready, and leave no process behind."""
    process = await spawn(folder, *arguments, **environment)
    service = Running(process)
    try:
        ready = await service.until("service.ready")
        service.port = int(ready["port"])
        service.url = f"http://127.0.0.1:{service.port}"
        yield service
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        await process.communicate()


def status_of(answer: bytes) -> int:
    """Return the status of an answer; 0 for a connection closed without a word."""
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else 0


def problem_in(answer: bytes) -> dict[str, Any]:
    """Return the problem an answer carries."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head.lower(), answer
    return dict(json.loads(body))
