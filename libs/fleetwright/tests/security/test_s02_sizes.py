"""S2: what a request may bring is bounded, and said no to before it is read."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from httpx2 import AsyncClient
from served import Running, problem_in, running, status_of

MODULE = """
from typing import Annotated
from fastapi import FastAPI, Form, Request
from pydantic import BaseModel
from fleetwright import Service, Settings
from fleetwright.fastapi import mount

class Thing(BaseModel):
    name: str

def create_app():
    app = FastAPI()

    @app.post("/raw")
    async def raw(request: Request) -> int:
        return len(await request.body())

    @app.post("/typed")
    async def typed(thing: Thing) -> Thing:
        return thing

    @app.post("/small", max_body_size=10)
    async def small(request: Request) -> int:
        return len(await request.body())

    @app.post("/large", max_body_size=3_000_000)
    async def large(request: Request) -> int:
        return len(await request.body())

    @app.post("/form")
    async def form(request: Request) -> int:
        return len(await request.form())

    @app.post("/blind")
    async def blind() -> str:
        return "not read"

    @app.get("/")
    async def root() -> str:
        return "here"

    return mount(app, Service("sizes", Settings.load()))
"""
GET = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
MIB = 1024 * 1024


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    """Give a running service."""
    folder: Path = tmp_path_factory.mktemp("sizes")
    (folder / "made.py").write_text(MODULE)
    async with running(folder, "made:create_app") as one:
        yield one


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (GET + b"A: " + b"x" * 8000 + b"\r\n\r\n", 200),
        (GET + b"A: " + b"x" * 8200 + b"\r\n\r\n", 431),
        (GET + b"A: " + b"x" * 200_000 + b"\r\n\r\n", 431),
        (GET + (b"A: " + b"x" * 8000 + b"\r\n") * 5 + b"\r\n", 431),
        (GET + b"A: b\r\n" * 98 + b"\r\n", 200),
        (GET + b"A: b\r\n" * 99 + b"\r\n", 431),
        (GET + b"A: b\r\n" * 1000 + b"\r\n", 431),
        (GET + b"A: " + b"x" * 600_000, 431),
        (b"GET /?" + b"x" * 8100 + GET[5:] + b"\r\n", 200),
        (b"GET /?" + b"x" * 8300 + GET[5:] + b"\r\n", 414),
        (b"GET /?" + b"x" * 600_000, 414),
    ],
)
async def test_heads_are_bounded(
    service: Running, request_bytes: bytes, status: int
) -> None:
    """8 KiB a header and a URL, 32 KiB and 100 headers together."""
    answer = await service.exchange(request_bytes)

    assert status_of(answer) == status
    if status != 200:
        assert problem_in(answer)["status"] == status
    assert b"server:" not in answer.lower()


def resident_bytes(service: Running) -> int:
    """Return how much memory a service has."""
    pages = Path(f"/proc/{service.process.pid}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize(
    ("path", "size", "status"),
    [
        ("/raw", MIB, 200),
        ("/raw", MIB + 1, 413),
        ("/typed", MIB + 1, 413),
        ("/form", MIB + 1, 413),
        ("/small", 10, 200),
        ("/small", 11, 413),
        ("/large", 2_500_000, 200),
        ("/large", 3_000_001, 413),
        ("/raw", 10 * MIB, 413),
    ],
)
async def test_bodies_are_bounded(
    service: Running, path: str, size: int, status: int, chunked: bool
) -> None:
    """1 MiB, or what the route says, whether the length is told before or not."""

    async def pieces() -> AsyncIterator[bytes]:
        left = size
        while left:
            piece = min(left, 64 * 1024)
            left -= piece
            yield b"x" * piece

    kind = {"/typed": "application/json", "/form": "application/x-www-form-urlencoded"}
    headers = {"Content-Type": kind.get(path, "application/octet-stream")}
    body = pieces() if chunked else b"x" * size
    async with AsyncClient(timeout=60) as http:
        answer = await http.post(service.url + path, content=body, headers=headers)

    assert answer.status_code == status
    if status == 413:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["kind"] == "body_too_long"


async def test_large_bodies_leave_no_memory_behind(service: Running) -> None:
    """A hundred bodies of 10 MiB, ten at a time: refused, never kept."""
    before = resident_bytes(service)
    body = b"x" * (10 * MIB)
    async with AsyncClient(timeout=60) as http:
        for _ in range(10):
            answers = await asyncio.gather(
                *(http.post(f"{service.url}/raw", content=body) for _ in range(10))
            )
            assert {one.status_code for one in answers} <= {413, 503}

    assert resident_bytes(service) - before < 30 * MIB


async def test_unread_body_does_not_become_the_next_request(service: Running) -> None:
    """What a handler leaves unread is read away, and the connection goes on."""
    evil = b"GET /evil HTTP/1.1\r\nHost: x\r\n\r\n"
    length = str(len(evil)).encode()
    answer = await service.exchange(
        b"POST /blind HTTP/1.1\r\nHost: x\r\nContent-Length: " + length + b"\r\n\r\n",
        evil,
        GET + b"\r\n",
    )

    assert answer.count(b"HTTP/1.1 ") == 2
    assert (b"not read" in answer, b"here" in answer) == (True, True)


async def test_forms_have_at_most_1000_fields(service: Running) -> None:
    """Starlette's own limit holds, and its refusal is a problem."""
    async with AsyncClient(timeout=60) as http:
        fits = await http.post(
            f"{service.url}/form", data={f"f{i}": "" for i in range(1000)}
        )
        above = await http.post(
            f"{service.url}/form", data={f"f{i}": "" for i in range(1001)}
        )
        parts = [(f"f{i}", (None, b"")) for i in range(1001)]
        multipart = await http.post(f"{service.url}/form", files=parts)

    assert fits.json() == 1000
    assert (above.status_code, multipart.status_code) == (400, 400)
    assert above.headers["content-type"] == "application/problem+json"
