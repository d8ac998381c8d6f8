"""A blocked loop, and threads that are all busy: told, answered, and over again."""

import asyncio
from pathlib import Path

import pytest
from httpx2 import AsyncClient
from served import problem_in, running, status_of

MODULE = """
import asyncio
import threading
import time
from pathlib import Path
import anyio.to_thread
from fastapi import FastAPI
from fleetwright import Service, Settings
from fleetwright.fastapi import mount

go_on = threading.Event()

def create_app():
    app = FastAPI()

    @app.get("/block")
    async def block() -> str:
        print('{"event":"blocking"}', flush=True)
        while not Path("free").exists():
            time.sleep(0.01)  # what must never be done in async code
        return "free again"

    @app.get("/thread")
    def thread() -> str:
        go_on.wait(60)
        return "done"

    @app.get("/few")
    async def few() -> None:
        anyio.to_thread.current_default_thread_limiter().total_tokens = 2

    @app.get("/go-on")
    async def release() -> None:
        go_on.set()

    return mount(app, Service("blocked", Settings.load()))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a folder with a service in it."""
    (tmp_path / "made.py").write_text(MODULE)
    return tmp_path


def get(path: str) -> bytes:
    """Return a request."""
    return f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()


async def waiting_calls(http: AsyncClient) -> int:
    """Return how many calls wait for a thread."""
    parts = (await http.get("/info")).json()["parts"]
    return int(parts["SyncHandlers"]["waiting"])


async def test_probes_are_answered_while_the_loop_is_blocked(folder: Path) -> None:
    """Alive, not ready, others told to come again; then all is as before."""
    async with running(folder, "made:create_app") as service:
        blocking = asyncio.create_task(service.exchange(get("/block")))
        await service.until("blocking")
        told = await service.until("loop.blocked")
        live, ready, other, post = await asyncio.gather(
            service.exchange(get("/livez")),
            service.exchange(get("/readyz")),
            service.exchange(get("/anything")),
            service.exchange(
                b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
            ),
        )
        (folder / "free").touch()
        blocked = await blocking
        freed = await service.until("loop.freed")
        async with asyncio.timeout(60):  # not ready for a moment after a block
            while True:
                if status_of(await service.exchange(get("/readyz"))) == 200:
                    break
                await asyncio.sleep(0.1)

    assert 0.5 < told["seconds"] <= freed["blocked_seconds"]
    assert "made.py" in told["by"]
    assert "in block" in told["by"]
    assert status_of(live) == 200
    assert b'"alive":true,"blocked_seconds"' in live
    assert (status_of(ready), b'"state":"blocked"' in ready) == (503, True)
    for answer in (other, post):
        assert (status_of(answer), problem_in(answer)["kind"]) == (503, "blocked")
        assert b"Fleet-Not-Processed: 1" in answer
    assert b"free again" in blocked


async def test_service_blocked_for_too_long_is_called_dead(folder: Path) -> None:
    """Whoever watches it shall start it anew; a little blocking is forgiven."""
    async with running(folder, "made:create_app", ALIVE_BLOCKED_SECONDS="6") as service:
        blocking = asyncio.create_task(service.exchange(get("/block")))
        await service.until("loop.blocked")
        early = await service.exchange(get("/livez"))
        late = early
        async with asyncio.timeout(60):
            while status_of(late) == 200:
                late = await service.exchange(get("/livez"))
        (folder / "free").touch()
        await blocking

    assert (status_of(early), status_of(late)) == (200, 503)
    assert b'"alive":false' in late


async def test_threads_that_are_all_busy_show_in_readiness(folder: Path) -> None:
    """Calls that wait for a thread for a second: not ready, still alive; and back."""
    async with (
        running(folder, "made:create_app", MAX_IN_FLIGHT="20") as service,
        AsyncClient(base_url=service.url, timeout=60) as http,
    ):
        await http.get("/few")
        waiting = [asyncio.create_task(http.get("/thread")) for _ in range(4)]
        async with asyncio.timeout(60):
            while await waiting_calls(http) != 2:
                pass
        full = await http.get("/readyz")
        live = await http.get("/livez")
        await http.get("/go-on")
        answers = await asyncio.gather(*waiting)
        async with asyncio.timeout(60):
            while (await http.get("/readyz")).status_code != 200:
                pass

    assert full.status_code == 503
    assert "2 threads are busy, 2 calls wait" in full.json()["parts"]["SyncHandlers"]
    assert live.status_code == 200
    assert [one.json() for one in answers] == ["done"] * 4
