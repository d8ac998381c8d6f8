"""A service of the standard library only; what it does wrong its package says.

`MODE` of the package's app is a version's own: `well`, `drops` (ends at once), `deaf`
(does not end when told), `forgets` (answers a key anew), `fails` (500 as it stops),
`late` (never ready) or `works` (10 ms of CPU a call, and a line in the log).
"""

import asyncio
import importlib
import json
import os
import signal
import sys
import time
import uuid
from typing import Any, ClassVar

WORK_SECONDS = 0.2
MODE = importlib.import_module(sys.argv[1].partition(".")[0] + ".app").MODE


def work() -> None:
    """Use 10 ms of CPU and tell of a call."""
    until = time.process_time() + 0.01
    while time.process_time() < until:
        pass
    said = {"event": "call.answered", "route": "/v1/rate", "duration_ms": 10.0}
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()


class Connection(asyncio.Protocol):
    """Answers one request after the other; drains when told to stop."""

    everyone: ClassVar[set[Any]] = set()
    gone = asyncio.Event()
    failed = asyncio.Event()
    is_stopping = False
    is_dropping = False
    is_used = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        assert isinstance(transport, asyncio.Transport)
        self.transport, self.buffer = transport, b""
        self.call: asyncio.Task[None] | None = None
        self.everyone.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        """Have ended."""
        self.everyone.discard(self)
        self.gone.set()

    def data_received(self, data: bytes) -> None:
        """Begin to answer, once the request is whole."""
        self.is_used = True
        self.buffer += data
        head, found, body = self.buffer.partition(b"\r\n\r\n")
        lines = [line.partition(": ")[::2] for line in head.decode().split("\r\n")]
        headers = {name.lower(): value for name, value in lines}
        if found and len(body) >= int(headers.get("content-length", 0)):
            self.buffer = b""
            if self.is_dropping:
                os._exit(0)
            path = lines[0][0].split(" ")[1]
            self.call = asyncio.ensure_future(self.answer(path, headers))

    async def answer(self, path: str, headers: dict[str, str]) -> None:
        """Answer a request; say nothing of probes' work."""
        status, body = "200 OK", "{}"
        if path == "/readyz" and MODE == "late":
            status = "503 Service Unavailable"
        elif MODE == "works" and not path.endswith("z"):
            work()
        elif not path.endswith("z"):
            await asyncio.sleep(WORK_SECONDS)
            key = headers.get("idempotency-key", "")
            body = f'{{"id": "{uuid.uuid4() if MODE == "forgets" else key}"}}'
        if MODE == "fails" and self.is_stopping:
            status = "500 Internal Server Error"
            self.failed.set()
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n"
        self.transport.write(f"{head}\r\n{body}".encode())
        self.call = None
        if self.is_stopping or headers.get("connection") == "close":
            self.transport.close()


def drop() -> None:
    """End at once, with a request that was read and not answered."""
    Connection.is_dropping = True
    if any(one.call is not None for one in Connection.everyone):
        os._exit(0)


async def run() -> None:
    """Serve until told to stop, then finish what is under way."""
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()
    stop = {"deaf": lambda: None, "drops": drop}
    loop.add_signal_handler(signal.SIGTERM, stop.get(MODE, stopping.set))
    port = int(os.environ["PORT"])
    server = await loop.create_server(Connection, "127.0.0.1", port)
    await stopping.wait()
    server.close()
    Connection.is_stopping = True
    if MODE == "fails":
        await Connection.failed.wait()
    # Who has only just connected is about to ask.
    for one in [one for one in Connection.everyone if one.call is None and one.is_used]:
        one.transport.close()
    while Connection.everyone:
        Connection.gone.clear()
        await Connection.gone.wait()


asyncio.run(run())
