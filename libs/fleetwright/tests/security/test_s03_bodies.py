"""S3: what comes behind a head is of that request alone, and is read only so far."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from served import Running, problem_in, running, status_of

MODULE = """
import asyncio, json
from fastapi import FastAPI, Request
from fleetwright import Service, Settings
from fleetwright.fastapi import mount

def create_app():
    app = FastAPI()
    let = asyncio.Event()

    @app.post("/headers")
    async def headers(request: Request) -> dict[str, str]:
        body = await request.body()
        return dict(request.headers) | {"length": str(len(body))}

    @app.get("/held")
    async def held() -> str:
        print('{"event": "held"}', flush=True)
        await let.wait()
        let.clear()
        return "held"

    @app.get("/let")
    async def let_go() -> str:
        let.set()
        return "let"

    @app.post("/blind")
    async def blind() -> str:
        return "not read"

    return mount(app, Service("bodies", Settings.load()))
"""
CHUNKED = (
    b"POST /headers HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)
HELD = b"GET /held HTTP/1.1\r\nHost: x\r\n\r\n"
LET = b"GET /let HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
KIB = 1024


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    """Give a running service."""
    folder: Path = tmp_path_factory.mktemp("bodies")
    (folder / "made.py").write_text(MODULE)
    async with running(folder, "made:create_app") as one:
        yield one


pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_trailers_are_no_headers(service: Running) -> None:
    """Who was let through without a header does not get it in behind the body."""
    trailers = b"Authorization: evil\r\nX-Forwarded-For: evil\r\nHost: evil\r\n"
    answer = await service.exchange(CHUNKED, b"1\r\na\r\n0\r\n" + trailers + b"\r\n")

    assert status_of(answer) == 200
    assert b'"length":"1"' in answer
    assert b"evil" not in answer


@pytest.mark.parametrize(
    "tail",
    [
        b"0\r\n" + b"A: b\r\n" * 120,
        b"0\r\n" + (b"A: " + b"x" * 8000 + b"\r\n") * 7,
        b"0\r\nA: " + b"x" * 600_000,
        b"1;" + b"x" * 600_000,
    ],
)
async def test_trailers_are_bounded(service: Running, tail: bytes) -> None:
    """Like the head, and so is what stands beside the length of a chunk."""
    answer = await service.exchange(CHUNKED + b"1\r\na\r\n", tail)

    assert status_of(answer) == 431, answer
    assert answer.count(b"HTTP/1.1 ") == 1


async def test_broken_request_is_not_answered_in_the_turn_of_another(
    service: Running,
) -> None:
    """The one before it is answered in full, then the connection is closed."""
    begun = b"POST /headers HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    for broken in (begun + b"zz\r\n", b"GET /x HTTP/1.1\r\nno header\r\n\r\n"):
        asked = asyncio.create_task(service.exchange(HELD + broken))
        await service.until("held")
        assert status_of(await service.exchange(LET)) == 200
        answer = await asked

        assert status_of(answer) == 200, answer
        assert b'"held"' in answer
        assert b"connection: close" in answer
        assert answer.count(b"HTTP/1.1 ") == 1


async def test_every_whole_request_before_a_broken_one_is_answered(
    service: Running,
) -> None:
    """Also those that queue behind the one in progress."""
    queued = b"POST /blind HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
    broken = CHUNKED.replace(b"/headers", b"/blind") + b"zz\r\n"
    asked = asyncio.create_task(service.exchange(HELD + queued + broken))
    await service.until("held")
    assert status_of(await service.exchange(LET)) == 200
    answer = await asked

    assert answer.count(b"HTTP/1.1 200") == answer.count(b"HTTP/1.1 ") == 2
    assert answer.index(b'"held"') < answer.index(b'"not read"')


async def test_long_body_in_http_1_0_is_read(service: Running) -> None:
    """Its length is told, so where it ends is clear."""
    head = b"POST /headers HTTP/1.0\r\nHost: x\r\nContent-Length: 100000\r\n\r\n"
    answer = await service.exchange(head, b"x" * 100_000)

    assert status_of(answer) == 200, answer
    assert b'"length":"100000"' in answer


async def test_chunks_nobody_wants_are_not_read_on(service: Running) -> None:
    """How many are to come nobody knows: after the answer the connection ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
    head = CHUNKED.replace(b"/headers", b"/blind").replace(b"close", b"x")
    writer.write(head + b"5\r\nhello\r\n")
    async with asyncio.timeout(8):  # less than what a body has
        answer = await reader.read()
    writer.close()

    assert status_of(answer) == 200
    assert b"not read" in answer


@pytest.mark.parametrize("piece", [20 * KIB, 4 * KIB, 1000])
@pytest.mark.parametrize(("fields", "status"), [(4, 200), (5, 431)])
async def test_limit_of_a_head_is_the_same_in_pieces(
    service: Running, piece: int, fields: int, status: int
) -> None:
    """However the network cuts it: 32 KiB are 32 KiB."""
    head = b"GET /let HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    head += (b"A: " + b"x" * 7000 + b"\r\n") * fields + b"\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
    for start in range(0, len(head), piece):
        writer.write(head[start : start + piece])
        await asyncio.sleep(0.01)  # so that each comes in a packet of its own
    async with asyncio.timeout(60):
        answer = await reader.read()
    writer.close()

    assert status_of(answer) == status


async def test_two_content_types_are_refused(service: Running) -> None:
    """Which of them a parser believes nobody knows."""
    answer = await service.exchange(
        b"POST /headers HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n"
        b"Content-Type: application/json\r\nContent-Length: 1\r\n\r\n1"
    )

    assert status_of(answer) == 400
    assert problem_in(answer)["kind"] == "ambiguous"
