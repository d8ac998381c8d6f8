"""S3: a request that can be read in two ways is not read at all."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from served import Running, problem_in, running, status_of

MODULE = """
from fastapi import FastAPI, Request
from fleetwright import Service, Settings
from fleetwright.fastapi import mount

def create_app():
    app = FastAPI()

    @app.api_route("/", methods=["GET", "POST", "TRACE", "CONNECT"])
    async def root(request: Request) -> str:
        return (await request.body()).decode("latin-1")

    return mount(app, Service("strict", Settings.load()))
"""
POST = b"POST / HTTP/1.1\r\nHost: x\r\n"
EVIL = b"GET /evil HTTP/1.1\r\nHost: x\r\n\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n"


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    """Give a running service."""
    folder: Path = tmp_path_factory.mktemp("strict")
    (folder / "made.py").write_text(MODULE)
    async with running(folder, "made:create_app") as one:
        yield one


pytestmark = pytest.mark.asyncio(loop_scope="module")

CASES = {
    "length and chunks": POST
    + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    + EVIL,
    "chunks and length": CHUNKED + b"Content-Length: 5\r\n\r\n0\r\n\r\n" + EVIL,
    "two lengths": POST + b"Content-Length: 0\r\nContent-Length: 5\r\n\r\nhello",
    "the same length twice": POST
    + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    "lengths in one": POST + b"Content-Length: 5, 5\r\n\r\nhello",
    "signed length": POST + b"Content-Length: +5\r\n\r\nhello",
    "hexadecimal length": POST + b"Content-Length: 0x5\r\n\r\nhello",
    "negative length": POST + b"Content-Length: -5\r\n\r\nhello",
    "endless length": POST + b"Content-Length: 99999999999999999999\r\n\r\nhello",
    "bad chunk size": CHUNKED + b"\r\nxyz\r\nabc\r\n0\r\n\r\n",
    "chunk size with a space": CHUNKED + b"\r\n3 \r\nabc\r\n0\r\n\r\n",
    "chunk longer than its size": CHUNKED + b"\r\n3\r\nabcd\r\n0\r\n\r\n",
    "endless chunk size": CHUNKED + b"\r\nfffffffffffffffff\r\nabc\r\n0\r\n\r\n",
    "chunks ended by bare line feeds": CHUNKED + b"\r\n3\nabc\n0\n\n",
    "unknown coding": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + EVIL,
    "coding before chunked": POST
    + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"
    + EVIL,
    "identity coding": POST + b"Transfer-Encoding: identity\r\n\r\n" + EVIL,
    "chunked twice": CHUNKED + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + EVIL,
    "space before the colon": POST
    + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n"
    + EVIL,
    "chunked in HTTP/1.0": b"POST / HTTP/1.0\r\nHost: x\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + EVIL,
    "bare line feed after the request line": b"GET / HTTP/1.1\nHost: x\r\n\r\n",
    "bare line feed after a header": b"GET / HTTP/1.1\r\nHost: x\nA: b\r\n\r\n",
    "bare carriage return": b"GET / HTTP/1.1\r\nHost: x\r\nA: b\rc\r\n\r\n",
    "folded header": POST + b"A: b\r\n c\r\n\r\n",
    "folded by a tab": POST + b"A: b\r\n\tc\r\n\r\n",
    "space before the first header": b"GET / HTTP/1.1\r\n Host: x\r\n\r\n",
    "zero byte in a name": POST + b"A\x00: b\r\n\r\n",
    "zero byte in a value": POST + b"A: b\x00c\r\n\r\n",
    "space in the URL": b"GET / evil HTTP/1.1\r\nHost: x\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nHost: x\r\nHost: evil\r\n\r\n",
    "HTTP/0.9": b"GET /\r\n\r\n",
    "HTTP/2 without asking": b"GET / HTTP/2.0\r\nHost: x\r\n\r\n",
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "not HTTP at all": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 64,
    "query without a path": b"GET ?x HTTP/1.1\r\nHost: x\r\n\r\n",
    "bytes beyond ASCII in the URL": b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
}


@pytest.mark.parametrize("case", CASES)
async def test_ambiguous_request_is_refused_and_the_connection_closed(
    service: Running, case: str
) -> None:
    """One answer of status 400, a problem; what follows is not read as a request."""
    answer = await service.exchange(CASES[case])

    assert status_of(answer) == 400, answer
    assert answer.count(b"HTTP/1.1 ") == 1
    assert b"connection: close" in answer
    assert problem_in(answer)["status"] == 400


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "PROPFIND", "FOO"])
async def test_methods_nobody_needs_are_refused(service: Running, method: str) -> None:
    """TRACE and CONNECT are answered 405, whatever the application would do."""
    answer = await service.exchange(
        f"{method} / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
    )

    assert status_of(answer) == 405
    assert b"allow: " in answer.lower()
    assert problem_in(answer)["status"] == 405


async def test_requests_in_one_piece_are_answered_in_order(service: Running) -> None:
    """Pipelining works: the strictness is about meaning, not about packets."""
    one = POST + b"Content-Length: 1\r\n\r\n"
    last = POST + b"Connection: close\r\nContent-Length: 1\r\n\r\nc"
    answer = await service.exchange(one + b"a" + one + b"b" + last)

    assert [body in answer for body in (b'"a"', b'"b"', b'"c"')] == [True] * 3
    assert answer.index(b'"a"') < answer.index(b'"b"') < answer.index(b'"c"')


async def test_answers_on_their_way_are_finished_before_a_refusal(
    service: Running,
) -> None:
    """A good request is answered, though what comes behind it is nonsense."""
    answer = await service.exchange(
        POST + b"Content-Length: 1\r\n\r\na" + CASES["no host"]
    )

    assert status_of(answer) == 200
    assert b'"a"' in answer


async def test_requests_in_one_piece_are_bounded(service: Running) -> None:
    """Ten thousand requests in a packet are not queued."""
    answer = await service.exchange(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 5000)

    assert 1 <= answer.count(b"HTTP/1.1 200") <= 20


async def test_unknown_upgrade_is_ignored(service: Running) -> None:
    """A request to speak HTTP/2 is answered in HTTP/1.1."""
    answer = await service.exchange(
        b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
    )

    assert status_of(answer) == 200
