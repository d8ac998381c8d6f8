"""A real process: ready, told to stop, kept from starting."""

import asyncio
import signal
import socket
from pathlib import Path

import pytest
from httpx2 import AsyncClient, Limits
from served import running, spawn, status_of

MODULE = """
import asyncio
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from fleetwright import Service, Settings
from fleetwright.fastapi import mount

class Part:
    async def close(self):
        print(\'{"event":"part.closed"}\', flush=True)

class Database:
    async def migrate(self, revision="head"):
        print(\'{"event":"migrated"}\', flush=True)

class Stuck:
    async def drain(self):
        await asyncio.Event().wait()

class Broken:
    async def open(self):
        raise ConnectionError("no broker at amqp://me:canary@host")

def make(*parts):
    service = Service("orders", Settings.load())
    for part in (Part(), *parts):
        service.add(part)
    return service

def create_app():
    app = FastAPI()

    @app.get("/slow")
    async def slow(seconds: float) -> str:
        print(\'{"event":"slow.begun"}\', flush=True)
        await asyncio.sleep(seconds)
        return "finished"

    released = asyncio.Event()

    @app.get("/held")
    async def held() -> None:
        print(\'{"event":"held.begun"}\', flush=True)
        await released.wait()

    @app.get("/released")
    async def release() -> None:
        released.set()

    @app.get("/events")
    async def events():
        async def lines():
            yield b"data: 1\\n\\n"
            await asyncio.Event().wait()
        return StreamingResponse(lines(), media_type="text/event-stream")

    return mount(app, make(Database()))

def worker():
    return make()

def stuck():
    return make(Stuck())

def broken():
    return make(Broken())

def broken_api():
    return mount(FastAPI(), make(Broken()))
"""

PATIENCE_SECONDS = 60.0  # only for what hangs: a busy machine gives no CPU for seconds
LONG = "300"  # seconds, longer than a test waits

# With a moment so long that no busy machine makes it longer.
PATIENT = """
from fleetwright import _connections, _protocol
from made import create_app
_connections.QUIET_SECONDS = _protocol.HEAD_SECONDS = 60.0
"""
# With connections that may be silent for longer than a test waits.
SILENT = """
from fleetwright import _protocol
from made import create_app
_protocol.IDLE_SECONDS = _protocol.FIRST_BYTE_SECONDS = 300.0
"""


def caller() -> AsyncClient:
    """Return who asks, and keeps connections for as long as it waits."""
    limits = Limits(keepalive_expiry=PATIENCE_SECONDS)
    return AsyncClient(timeout=PATIENCE_SECONDS, limits=limits)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a folder with a service in it."""
    (tmp_path / "made.py").write_text(MODULE)
    (tmp_path / "patient.py").write_text(PATIENT)
    (tmp_path / "silent.py").write_text(SILENT)
    (tmp_path / "wrong.py").write_text("from nowhere_to_be_found import x\n")
    return tmp_path


async def test_request_in_flight_is_finished_when_told_to_stop(folder: Path) -> None:
    """SIGTERM under a request: it is answered, parts are closed, the exit code is 0."""
    async with running(folder, "made:create_app") as service, caller() as http:
        assert (await http.get(f"{service.url}/readyz")).status_code == 200
        slow = asyncio.create_task(http.get(f"{service.url}/slow?seconds=0.5"))
        await service.until("slow.begun")
        service.process.terminate()
        answer = await slow

        assert answer.json() == "finished"
        assert await service.ended() == 0
        assert {"call.answered", "part.closed"} <= set(service.names)
        assert service.names[-1] == "service.stopped"


async def test_lame_duck_still_answers_but_is_not_ready(folder: Path) -> None:
    """Between readiness off and the end, calls are taken: balancers need that time."""
    async with (
        running(folder, "made:create_app", LAME_DUCK_SECONDS=LONG) as service,
        caller() as http,
    ):
        service.process.terminate()
        await service.until("service.stopping")
        ready = await http.get(f"{service.url}/readyz")
        answer = await http.get(f"{service.url}/slow?seconds=0")

        assert (ready.status_code, answer.status_code) == (503, 200)


async def test_lame_duck_ends_by_itself(folder: Path) -> None:
    """When its time is over it stops as without."""
    async with running(folder, "made:create_app", LAME_DUCK_SECONDS="0.5") as service:
        service.process.terminate()

        assert await service.ended() == 0
        assert service.names[-1] == "service.stopped"


async def test_who_is_answered_while_it_stops_is_told_to_go_elsewhere(
    folder: Path,
) -> None:
    """Kept connections end with an answer that says so, not under the next request."""
    async with (
        running(folder, "made:create_app", LAME_DUCK_SECONDS=LONG) as service,
        caller() as http,
    ):
        before = await http.get(f"{service.url}/slow?seconds=0")
        begun = asyncio.create_task(http.get(f"{service.url}/held"))
        await service.until("held.begun")
        service.process.terminate()
        await service.until("service.stopping")
        after = await http.get(f"{service.url}/released")

        said = [one.headers.get("connection") for one in (before, await begun, after)]
        assert said == [None, "close", "close"]


async def test_what_is_on_its_way_as_it_stops_is_answered(folder: Path) -> None:
    """On connections that are kept, when new ones are refused already."""
    async with (
        running(folder, "patient:create_app", DRAIN_SECONDS="60") as service,
        caller() as http,
    ):
        await http.get(f"{service.url}/slow?seconds=0")
        reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
        writer.write(b"GET /slow?seconds=0 HTTP/1.1\r\nHost: ")
        await writer.drain()
        service.process.terminate()
        await refusing(service.port)

        kept = await http.get(f"{service.url}/slow?seconds=0")
        writer.write(b"here\r\n\r\n")
        begun = await reader.read()
        writer.close()

        assert (kept.status_code, kept.headers["connection"]) == (200, "close")
        assert status_of(begun) == 200
        assert b"connection: close" in begun
        assert await service.ended() == 0


async def test_silent_connections_do_not_hold_the_stop(folder: Path) -> None:
    """Kept ones, and such as were never used, are waited for a moment only."""
    async with (
        running(folder, "silent:create_app", DRAIN_SECONDS="60") as service,
        caller() as http,
    ):
        _, writer = await asyncio.open_connection("127.0.0.1", service.port)
        await http.get(f"{service.url}/slow?seconds=0")
        service.process.terminate()

        assert await service.ended() == 0
        writer.close()


async def refusing(port: int) -> None:
    """Wait until nobody listens at a port any more."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                return
            except ConnectionResetError:
                continue  # it waited in the queue of the socket that was closed
            writer.close()


async def test_open_stream_does_not_hold_the_stop(folder: Path) -> None:
    """A stream of events is ended, not waited for."""
    async with running(folder, "made:create_app") as service, caller() as http:
        async with http.stream("GET", f"{service.url}/events") as stream:
            lines = stream.aiter_lines()
            assert await anext(lines) == "data: 1"
            service.process.terminate()
            rest = [line async for line in lines]

        assert rest == [""]
        assert await service.ended() == 0
        assert "drain.cut" not in service.names


async def test_drain_has_a_budget(folder: Path) -> None:
    """A request that takes longer than `drain_seconds` is cut; the stop goes on."""
    async with (
        running(folder, "made:create_app", DRAIN_SECONDS="0.2") as service,
        caller() as http,
    ):
        slow = asyncio.create_task(http.get(f"{service.url}/slow?seconds=30"))
        await service.until("slow.begun")
        service.process.terminate()
        answer = await slow

        assert (answer.status_code, answer.json()["kind"]) == (503, "not_serving")
        assert await service.ended() == 0
        assert "part.closed" in service.names


async def test_second_signal_ends_at_once(folder: Path) -> None:
    """Who asks twice does not wait for the drain."""
    async with running(folder, "made:stuck") as service:
        service.process.send_signal(signal.SIGINT)
        await service.until("service.stopping")
        service.process.send_signal(signal.SIGINT)

        assert await service.ended() == 1
        assert service.names[-1] == "service.stop_forced"


async def test_service_without_an_api_has_probes(folder: Path) -> None:
    """A worker is watched and stopped like any other."""
    async with running(folder, "made:worker") as service, caller() as http:
        info = (await http.get(f"{service.url}/info")).json()
        service.process.terminate()

        assert (info["service"], info["state"]) == ("orders", "ready")
        assert await service.ended() == 0


async def test_databases_are_migrated_before_the_start(folder: Path) -> None:
    """`--migrate` upgrades first, then serves."""
    async with running(folder, "made:create_app", "--migrate") as service:
        assert service.names == ["migrated", "database.migrated", "service.ready"]


async def test_suspected_variable_is_told(folder: Path) -> None:
    """A variable that looks misspelt is a warning at the start."""
    async with running(folder, "made:worker", DRAIN_SECOND="1") as service:
        assert service.events[0]["event"] == "settings.suspected"
        assert service.events[0]["did_you_mean"] == "DRAIN_SECONDS"


@pytest.mark.parametrize(
    ("arguments", "environment", "code", "told"),
    [
        (["wrong:create_app"], {}, 1, "No module named 'nowhere_to_be_found'"),
        (["absent:create_app"], {}, 1, "there is no module absent"),
        (["made:create_app"], {"PORT": "high"}, 2, "PORT=high is not a whole number"),
        (["made:broken"], {}, 1, "orders cannot be started (while opening Broken)"),
        (["made:broken_api"], {}, 1, "ConnectionError: no broker"),
        (["made"], {}, 2, "does not name a function"),
    ],
)
async def test_service_that_cannot_start_says_why(
    folder: Path,
    arguments: list[str],
    environment: dict[str, str],
    code: int,
    told: str,
) -> None:
    """One message with a hint on stderr, no traceback of ours, an exit code."""
    process = await spawn(folder, *arguments, **environment)
    async with asyncio.timeout(PATIENCE_SECONDS):
        _, errors = await process.communicate()

    text = errors.decode()
    assert told in text
    assert "hint: " in text
    assert "Traceback" not in text
    assert "canary" not in text
    assert process.returncode == code


async def test_port_in_use_is_told(folder: Path) -> None:
    """The port of another process is named, and how to take another one."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = await spawn(folder, "made:worker", PORT=str(port))
        async with asyncio.timeout(PATIENCE_SECONDS):
            _, errors = await process.communicate()

    assert f"port {port} is in use" in errors.decode()
    assert process.returncode == 1
