"""A desk in a process of its own, and somebody who places orders; see test_degraded."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2

_HERE = Path(__file__).parent
_START_SECONDS = 40.0
_PAUSE_SECONDS = 0.02


class Desk:
    """A running desk.

    Attributes:
        pid: Of its process.
        topic: Of its orders.
        http: Asks it.
        placed: The orders it said yes to.
        refused: The answers of those it said no to.
        live: The answers of `/livez`, one for each look.
    """

    def __init__(
        self, pid: int, http: httpx2.AsyncClient, log: Path, topic: str
    ) -> None:
        """Watch one.

        Args:
            pid: Of its process.
            http: Asks it.
            log: What it writes.
            topic: Of its orders.
        """
        self.pid = pid
        self.topic = topic
        self.http = http
        self.placed: list[int] = []
        self.refused: list[httpx2.Response] = []
        self.live: list[int] = []
        self._log = log
        self._next = 0

    async def place(self, **query: int) -> int:
        """Place one order and return the status of the answer."""
        self._next += 1
        order = self._next
        answer = await self.http.post(f"/v1/orders/{order}", params=query)
        if answer.status_code == 201:
            self.placed.append(order)
        else:
            self.refused.append(answer)
        return int(answer.status_code)

    @asynccontextmanager
    async def busy(self) -> AsyncIterator[None]:
        """Have orders placed one after the other inside the block, and `/livez` asked.

        Yields:
            Nothing.
        """
        over = asyncio.Event()

        async def work() -> None:
            while not over.is_set():
                await self.place()
                if len(self.placed) % 10 == 0:
                    self.live.append((await self.http.get("/livez")).status_code)
                await asyncio.sleep(_PAUSE_SECONDS)

        working = asyncio.create_task(work())
        try:
            yield
        finally:
            over.set()  # not cancelled: the last order may be kept already
            await working

    async def readiness(self) -> tuple[int, dict[str, Any]]:
        """Return the status and the document of `/readyz`."""
        answer = await self.http.get("/readyz")
        return answer.status_code, answer.json()

    async def until(
        self, so: Callable[[int, dict[str, Any]], bool], seconds: float
    ) -> dict[str, Any]:
        """Ask `/readyz` until it is so, and return the document.

        Args:
            so: Of the status and the document.
            seconds: How long to ask.
        """
        told: dict[str, Any] = {}
        try:
            async with asyncio.timeout(seconds):
                while True:
                    status, told = await self.readiness()
                    if so(status, told):
                        return told
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise AssertionError(f"still {told}\n{self.log()[-15:]}") from None

    async def degraded(self, words: str, seconds: float = 15) -> dict[str, Any]:
        """Wait until it is ready, degraded, and says why in these words."""
        return await self.until(
            lambda status, told: status == 200
            and told["status"] == "degraded"
            and words in json.dumps(told["parts"]),
            seconds,
        )

    async def well(self, seconds: float = 60) -> dict[str, Any]:
        """Wait until it is ready and lacks nothing."""
        return await self.until(
            lambda status, told: status == 200 and told["status"] == "ok", seconds
        )

    async def counts(self) -> dict[str, int]:
        """Return what it has kept and heard."""
        return dict((await self.http.get("/v1/counts")).json())

    async def all_heard(self, seconds: float = 60) -> dict[str, int]:
        """Wait until every order is heard, and return the counts."""
        counts: dict[str, int] = {}
        try:
            async with asyncio.timeout(seconds):
                while True:
                    counts = await self.counts()
                    if counts["heard"] >= len(self.placed):
                        return counts
                    await asyncio.sleep(0.1)
        except TimeoutError:
            # Whether the rest waits in the outbox, at the broker or among the parked.
            facts = (await self.http.get("/info")).text
            log = self.log()[-15:]
            raise AssertionError(f"still {counts}\n{facts}\n{log}") from None

    def once(self) -> dict[str, int]:
        """Return the counts when every order was heard once."""
        placed = len(self.placed)
        return {"orders": placed, "heard": placed, "twice": 0}

    def log(self) -> list[dict[str, Any]]:
        """Return the lines it has written, without those of calls and events."""
        lines = []
        for line in self._log.read_text().splitlines():
            try:
                told = json.loads(line)
            except ValueError:
                told = {"event": "text", "text": line}
            if told.get("event") not in ("call.answered", "event.handled"):
                lines.append(told)
        return lines

    def changes(self) -> list[str]:
        """Return the changes of its health, in order, from the log."""
        changes = {"service.degraded", "service.recovered", "service.failed"}
        return [line["event"] for line in self.log() if line["event"] in changes]


def free_port() -> int:
    """Return a port nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@asynccontextmanager
async def desk(
    folder: Path, broker_url: str, database_url: str = "", **environment: str
) -> AsyncIterator[Desk]:
    """Run a desk inside the block; it is the same process from beginning to end.

    Args:
        folder: Where it keeps its log and its database.
        broker_url: Where its broker is.
        database_url: Where its database is; a file in `folder` when left out.
        **environment: Further variables.

    Yields:
        The desk, answering.
    """
    port, log = free_port(), folder / "desk.log"
    variables = {
        "PORT": str(port),
        "PYTHONPATH": str(_HERE),
        "LOG_FORMAT": "json",
        "ENVIRONMENT": "test",
        "BROKER_URL": broker_url,
        # Its own: what an earlier desk left with the broker is nothing to this one.
        "TOPIC": f"desk.placed-{port}",
        "DATABASE_URL": database_url or f"sqlite+aiosqlite:///{folder}/desk.db",
    }
    with log.open("w") as out:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "fleetwright.serve", "desk_app:create_app"),
            cwd=folder,
            env=os.environ | variables | environment,
            stdout=out,
            stderr=out,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        async with httpx2.AsyncClient(base_url=url, timeout=60) as http:
            topic = environment.get("TOPIC", variables["TOPIC"])
            running = Desk(process.pid, http, log, topic)
            await _answering(running, process)
            yield running
            assert process.returncode is None, running.log()[-15:]
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
        await process.wait()


async def _answering(running: Desk, process: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(_START_SECONDS):
        while True:
            assert process.returncode is None, running.log()
            try:
                await running.http.get("/livez")
                return
            except httpx2.TransportError:
                await asyncio.sleep(0.05)
