"""Faults in a real process: switched on by a file, struck over a real network."""

import asyncio
import json
import os
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from httpx2 import AsyncClient, Response

MODULE = """
from typing import Protocol
from fastapi import FastAPI
from fleetwright import Service, Settings
from fleetwright.auth import public
from fleetwright.fastapi import mount
from fleetwright.rest import get, rest

class Self(Protocol):
    @get("/leaf")
    async def leaf(self) -> str: ...

def create_app():
    app = FastAPI()
    service = Service("orders", Settings.load())
    other = service.add(rest(Self, provider="catalog"))

    @app.get("/leaf")
    @public
    async def leaf() -> str:
        return "leaf"

    @app.get("/edge")
    @public
    async def edge() -> str:
        return await other.leaf()

    return mount(app, service)
"""


async def spawn(folder: Path, **environment: str) -> Process:
    """Start the service of MODULE."""
    (folder / "made.py").write_text(MODULE)
    bare = {name: it for name, it in os.environ.items() if name != "ENVIRONMENT"}
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "fleetwright.serve",
        "made:create_app",
        cwd=folder,
        env=bare | {"PORT": "0", "LOG_FORMAT": "json"} | environment,
        stdout=PIPE,
        stderr=PIPE,
    )


async def line_with(process: Process, event: str) -> dict[str, object]:
    """Read lines of a process up to an event."""
    assert process.stdout is not None
    async with asyncio.timeout(60):
        async for line in process.stdout:
            told: dict[str, object] = json.loads(line)
            if told["event"] == event:
                return told
    raise AssertionError(f"no {event}")


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[str]:
    """Give the URL of a service that calls itself by the name of catalog."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = str(probe.getsockname()[1])
    process = await spawn(
        folder,
        ENVIRONMENT="development",
        FLEET_FAULTS=str(folder / "faults.json"),
        PORT=port,
        CATALOG_URL=f"http://127.0.0.1:{port}",
    )
    try:
        await line_with(process, "service.ready")
        yield f"http://127.0.0.1:{port}"
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


def switch(folder: Path, *faults: dict[str, object]) -> None:
    """Write the faults as `fleet faults` does."""
    draft = folder / "draft.json"
    draft.write_text(json.dumps({"seed": 1, "faults": faults}))
    draft.replace(folder / "faults.json")


async def until(
    http: AsyncClient, url: str, so: Callable[[Response], bool]
) -> Response:
    """Call until an answer is as wanted; the file is looked at twice a second."""
    async with asyncio.timeout(60):
        while True:
            answer = await http.get(url)
            if so(answer):
                return answer


async def test_fault_strikes_a_running_service_and_is_cleared(tmp_path: Path) -> None:
    """At the caller a 503 like a real one; at the provider an answer that says so."""
    async with running(tmp_path) as url, AsyncClient(timeout=60) as http:
        assert (await http.get(f"{url}/edge")).json() == "leaf"

        switch(tmp_path, {"id": "f1", "edge": "orders->catalog", "error": 503})
        await until(http, f"{url}/edge", lambda answer: answer.status_code == 503)
        spared = await http.get(f"{url}/leaf")
        switch(
            tmp_path,
            {"id": "f2", "edge": "*->orders", "error": 502, "at": "provider"},
        )
        struck = await until(
            http, f"{url}/leaf", lambda answer: answer.status_code == 502
        )
        probe = await http.get(f"{url}/readyz")
        info = (await http.get(f"{url}/info")).json()["parts"]["FaultFile"]
        (tmp_path / "faults.json").unlink()
        healed = await until(
            http, f"{url}/edge", lambda answer: answer.status_code == 200
        )

    assert (spared.json(), healed.json()) == ("leaf", "leaf")
    assert struck.headers["fleet-fault"] == "f2"
    assert struck.json()["kind"] == "fault_injected"
    assert probe.status_code == 200
    assert info["struck"]["f2"] >= 1


@pytest.mark.parametrize("environment", [{}, {"ENVIRONMENT": "production"}])
async def test_production_does_not_start_with_faults(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    """Exit code 2 and three lines that name the variable; no service runs."""
    process = await spawn(tmp_path, FLEET_FAULTS="/run/faults.json", **environment)

    async with asyncio.timeout(60):
        _, said = await process.communicate()

    assert process.returncode == 2
    assert b"FLEET_FAULTS=/run/faults.json would let faults" in said
    assert b"hint: unset FLEET_FAULTS" in said
    assert b"Traceback" not in said
