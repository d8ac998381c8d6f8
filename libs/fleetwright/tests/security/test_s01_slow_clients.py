"""S1: a client that sends slowly, or not at all, is not waited for."""

import asyncio
import time
from pathlib import Path

import pytest
from httpx2 import AsyncClient
from served import Running, problem_in, running, status_of
from stolen import stolen_time

MODULE = """
from fastapi import FastAPI, Request
from fleetwright import Service, Settings
from fleetwright.fastapi import mount

def create_app():
    app = FastAPI()

    @app.post("/")
    async def read(request: Request) -> int:
        return len(await request.body())

    @app.get("/")
    async def root() -> str:
        return "here"

    return mount(app, Service("slow", Settings.load()))
"""
HEAD = b"POST / HTTP/1.1\r\nHost: x\r\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a folder with a service in it."""
    (tmp_path / "made.py").write_text(MODULE)
    return tmp_path


async def drip(service: Running, start: bytes, *, piece: bytes) -> tuple[float, bytes]:
    """Send a piece every half second; return how long we were borne, and the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
    began = time.monotonic()
    writer.write(start)

    async def on_and_on() -> None:
        while piece:
            await asyncio.sleep(0.5)  # this is what the test is about
            writer.write(piece)

    dripping = asyncio.create_task(on_and_on())
    try:
        async with asyncio.timeout(60):
            answer = await reader.read()
    except ConnectionResetError:
        answer = b""
    finally:
        dripping.cancel()
        writer.close()
    return time.monotonic() - began, answer


async def test_slow_clients_are_closed_in_time(folder: Path) -> None:
    """First byte 5 s, headers 5 s, body 10 s and its size, idle 15 s; no longer."""
    whole = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    async with (
        running(folder, "made:create_app", REQUEST_SECONDS="30") as service,
        stolen_time() as stolen,
    ):
        silent, line_breaks, headers, body, chunks, idle = await asyncio.gather(
            drip(service, b"", piece=b""),
            drip(service, b"", piece=b"\r\n"),
            drip(service, HEAD, piece=b"X: y\r\n"),
            drip(service, HEAD + b"Content-Length: 900\r\n\r\n", piece=b"x"),
            drip(
                service,
                HEAD + b"Transfer-Encoding: chunked\r\n\r\n",
                piece=b"1\r\nx\r\n",
            ),
            drip(service, whole, piece=b""),
        )

    late = 2 + stolen.seconds
    assert (4.5 < silent[0] < 5 + late, status_of(silent[1])) == (True, 0)
    assert (4.5 < line_breaks[0] < 5 + late, status_of(line_breaks[1])) == (True, 408)
    assert (4.5 < headers[0] < 5 + late, status_of(headers[1])) == (True, 408)
    assert (9.5 < body[0] < 10.5 + late, status_of(body[1])) == (True, 408)
    assert (9.5 < chunks[0] < 10.5 + late, status_of(chunks[1])) == (True, 408)
    assert (14.5 < idle[0] < 15 + late, status_of(idle[1])) == (True, 200)
    assert problem_in(headers[1])["kind"] == "too_slow"
    assert b'"here"' in idle[1]


async def test_steady_upload_has_the_time_its_size_needs(folder: Path) -> None:
    """600 KiB in 12 s are slow, but not too slow."""
    size, pieces = 600 * 1024, 24
    start = HEAD + f"Content-Length: {size}\r\nConnection: close\r\n\r\n".encode()
    async with running(folder, "made:create_app", REQUEST_SECONDS="30") as service:
        took, answer = await drip(service, start, piece=b"x" * (size // pieces))

    assert took > 11
    assert (status_of(answer), answer.endswith(str(size).encode())) == (200, True)


async def test_slow_clients_keep_nobody_out(folder: Path) -> None:
    """With every connection taken by silent clients, a new one is answered at once."""
    async with running(folder, "made:create_app", MAX_CONNECTIONS="20") as service:
        silent = [
            await asyncio.open_connection("127.0.0.1", service.port) for _ in range(40)
        ]
        async with AsyncClient(timeout=60) as http, stolen_time() as stolen:
            began = time.monotonic()
            answers = [(await http.get(service.url)).status_code for _ in range(5)]
            took = time.monotonic() - began
        for _, writer in silent:
            writer.close()
        service.process.terminate()
        await service.ended()

    assert answers == [200] * 5
    assert took < 3 + stolen.seconds
    refused = [one for one in service.events if one["event"] == "requests.refused"]
    assert sum(line.get("evicted", 0) for line in refused) >= 21


async def test_slow_uploads_keep_nobody_out(folder: Path) -> None:
    """A body that is still to come holds its connection only while there are others."""
    async with running(
        folder, "made:create_app", MAX_CONNECTIONS="4", REQUEST_SECONDS="30"
    ) as service:
        begun = HEAD + b"Expect: 100-continue\r\nContent-Length: 900000\r\n\r\n"
        slow = [
            await asyncio.open_connection("127.0.0.1", service.port) for _ in range(4)
        ]
        for reader, writer in slow:
            writer.write(begun)
            await reader.readuntil(b"100 Continue\r\n\r\n")  # the handler reads
            writer.write(b"x" * 1000)
        get = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        answers = [await service.exchange(get, seconds=5) for _ in range(3)]
        for _, writer in slow:
            writer.close()

    assert [status_of(answer) for answer in answers] == [200] * 3


async def test_connection_above_the_cap_is_closed(folder: Path) -> None:
    """Where every connection is being answered there is no place for one more."""
    (folder / "made.py").write_text(MODULE.replace('return "here"', WAIT))
    async with running(
        folder, "made:create_app", MAX_CONNECTIONS="2", MAX_IN_FLIGHT="9"
    ) as service:
        held = [
            await asyncio.open_connection("127.0.0.1", service.port) for _ in range(2)
        ]
        for _, writer in held:
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            await service.until("held")
        third = await service.exchange(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        for _, writer in held:
            writer.close()

    assert status_of(third) == 0


WAIT = """print('{"event": "held"}', flush=True)
        import asyncio
        await asyncio.Event().wait()"""
