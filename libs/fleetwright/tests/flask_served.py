"""A Flask application in a process of its own, served by us or by others."""

import asyncio
import json
import os
import secrets
import socket
import sqlite3
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path
from typing import Any

from httpx2 import AsyncClient

MODULE = '''
import json
import os
import sys
import threading
import time

from flask import Flask, Response, request
from sqlalchemy import text

from fleetwright import Service, Settings
from fleetwright._context import current_call
from fleetwright.database import Database
from fleetwright.flask import mount, uses

PIECE = b"x" * 65536
made = {"pieces": 0}


def say(event, **fields):
    """Write a line the test waits for."""
    # In one piece: other threads write lines of their own.
    os.write(1, (json.dumps({"event": event, **fields}) + "\\n").encode())


class Part:
    async def open(self):
        say("part.opened")

    async def close(self):
        say("part.closed")


def create_app():
    service = Service("shelf", Settings.load())
    service.add(Part())
    service.add(Database("sqlite:///shelf.db"))
    app = Flask("shelf")

    @app.get("/things/<name>")
    def thing(name):
        return {"name": name, "call": current_call().id}

    @app.get("/slow")
    def slow():
        say("slow.begun")
        time.sleep(float(request.args["seconds"]))
        say("slow.ended")
        return "finished"

    @app.post("/late")
    def late():
        """Take longer than the caller waits, then commit."""
        with uses(Database).transaction() as transaction:
            transaction.execute(text("create table if not exists done(n)"))
        say("late.begun")
        time.sleep(float(request.args["seconds"]))
        try:
            with uses(Database).transaction() as transaction:
                transaction.execute(text("insert into done values (1)"))
        except BaseException as error:
            say("late.refused", by=type(error).__name__)
            raise
        say("late.committed")
        return "done"

    @app.post("/bytes")
    def bytes_():
        return {"bytes": len(request.get_data())}

    @app.get("/endless")
    def endless():
        def pieces():
            try:
                while True:
                    made["pieces"] += 1
                    yield PIECE
            finally:
                say("endless.closed")
        return Response(pieces(), mimetype="application/octet-stream")

    @app.get("/made")
    def made_():
        return dict(made)

    @app.get("/events")
    def events():
        def lines():
            yield "data: 1\\n\\n"
            threading.Event().wait()
        return Response(lines(), mimetype="text/event-stream")

    @app.get("/broken-lines")
    def broken_lines():
        def lines():
            yield "1\\n"
            raise KeyError("half way")
        return Response(lines(), mimetype="text/plain")

    return mount(app, service)


if __name__ == "__main__":
    from werkzeug.serving import make_server
    server = make_server("127.0.0.1", int(sys.argv[1]), create_app(), threaded=True)
    say("listening")
    server.serve_forever()
'''
BY_US = "served by us"
PRELOADED = "by gunicorn, preloaded"
OTHERS = ("by gunicorn", PRELOADED, "by werkzeug")


class Running:
    """A service in a process of its own.

    Attributes:
        events: The lines it wrote so far.
        url: Where it answers.
    """

    def __init__(self, process: Process, url: str) -> None:
        """Watch a process."""
        self.process = process
        self.events: list[dict[str, Any]] = []
        self.url = url

    async def until(self, event: str, count: int = 1) -> dict[str, Any]:
        """Read its lines up to the so-manieth of an event, from now on."""
        assert self.process.stdout is not None
        async with asyncio.timeout(60):
            async for line in self.process.stdout:
                self._note(line)
                count -= self.events[-1]["event"] == event
                if count == 0:
                    return self.events[-1]
        raise AssertionError(f"no {event} in {self.events}")

    async def ended(self) -> int:
        """Read the rest of its lines and return its exit code."""
        assert self.process.stdout is not None
        async with asyncio.timeout(60):
            async for line in self.process.stdout:
                self._note(line)
            return await self.process.wait()

    def _note(self, line: bytes) -> None:
        told = json.loads(line) if line.startswith(b"{") else {"event": line.decode()}
        self.events.append(told)

    def named(self, event: str) -> list[dict[str, Any]]:
        """Return the lines of an event so far."""
        return [line for line in self.events if line["event"] == event]


def free_port() -> int:
    """Return a port nobody has, none of those the system gives away by itself."""
    while True:
        port = 10_000 + secrets.randbelow(10_000)
        with suppress(OSError), closing(socket.create_server(("127.0.0.1", port))):
            return port


def command(how: str, port: int) -> list[str]:
    """Return how the application is served."""
    gunicorn = str(Path(sys.executable).parent / "gunicorn")
    words = ["-w", "2", "--threads", "4", "--no-control-socket"]
    words += ["-b", f"127.0.0.1:{port}", "made:create_app()"]
    if how == BY_US:
        return [sys.executable, "-m", "fleetwright.serve", "made:create_app"]
    if how == "by werkzeug":
        return [sys.executable, "made.py", str(port)]
    return [gunicorn, *(["--preload"] if how == PRELOADED else []), *words]


@asynccontextmanager
async def running(
    folder: Path, how: str = BY_US, **environment: str
) -> AsyncIterator[Running]:
    """Serve the application, wait until it answers, and leave no process behind."""
    (folder / "made.py").write_text(MODULE)
    port = free_port()
    given = {"PORT": str(port), "LOG_FORMAT": "json", "LAME_DUCK_SECONDS": "0"}
    given |= environment
    process = await asyncio.create_subprocess_exec(
        *command(how, port), cwd=folder, env=os.environ | given, stdout=PIPE
    )
    service = Running(process, f"http://127.0.0.1:{port}")
    try:
        await answering(port)
        yield service
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        await process.communicate()


async def answering(port: int) -> None:
    """Wait until somebody listens on a port."""
    async with asyncio.timeout(60):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except (ConnectionRefusedError, ConnectionResetError):
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return


async def readiness(http: AsyncClient, service: Running, status: int) -> Any:
    """Ask until readiness has a status, and return what it says then."""
    async with asyncio.timeout(60):
        while True:
            answer = await http.get(f"{service.url}/readyz")
            if answer.status_code == status:
                return answer.json()
            await asyncio.sleep(0.1)


def committed(folder: Path) -> int:
    """Return how many late calls were committed."""
    with closing(sqlite3.connect(folder / "shelf.db")) as connection:
        found: int = connection.execute("select count(*) from done").fetchone()[0]
        return found


# -- however it is served


def port_of(service: Running) -> int:
    """Return where a service listens."""
    return int(service.url.rpartition(":")[2])
