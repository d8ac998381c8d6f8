"""Typed clients against real servers on this machine, some of them badly behaved."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Annotated, Any, Protocol

import pytest
import uvicorn
from fastapi import FastAPI, Request, Response
from pydantic import BaseModel
from stolen import stolen_time

from fleetwright._transport import AiohttpTransport
from fleetwright._transport import Request as Sent
from fleetwright.errors import DeadlineExceeded, Unavailable
from fleetwright.resilience import Pipeline, Retry, RetryBudget, Timeout
from fleetwright.rest import Header, get, post, rest

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n"
Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Thing(BaseModel):
    """What is sent and read."""

    sku: str


class Things(Protocol):
    """What the tests call."""

    @get("/v1/things/{sku}")
    async def find(self, sku: str) -> Thing:
        """Return one."""
        ...

    @post("/v1/things")
    async def add(
        self,
        thing: Thing,
        *,
        key: Annotated[str | None, Header("Idempotency-Key")] = None,
    ) -> Thing:
        """Add one."""
        ...


@asynccontextmanager
async def calling(
    url: str, monkeypatch: pytest.MonkeyPatch, *, total: float = 2.0, each: float = 1.0
) -> AsyncIterator[Things]:
    """Give a client of the provider at that URL."""
    monkeypatch.setenv("SHELF_URL", url)
    retry = Retry(3, first_seconds=0.01, budget=RetryBudget(floor=100))
    pipeline = Pipeline("shelf", Timeout(total), retry, Timeout(each))
    things: Any = rest(Things, provider="shelf", pipeline=pipeline)
    try:
        yield things
    finally:
        await things.__part__.close()


@asynccontextmanager
async def talking(talk: Talk) -> AsyncIterator[str]:
    """Give the URL of a server that treats every connection as `talk` says."""
    ended: list[asyncio.Event] = []

    async def converse(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        ended.append(asyncio.Event())
        this = ended[-1]
        try:
            await talk(reader, writer)
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
            this.set()

    server = await asyncio.start_server(converse, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        yield f"http://127.0.0.1:{port}"
        for conversation in ended:
            await conversation.wait()


async def heard(reader: asyncio.StreamReader) -> None:
    """Read one request with its body."""
    head = await reader.readuntil(b"\r\n\r\n")
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            await reader.readexactly(int(line.split(b":")[1]))


class Shelf:
    """A real provider that follows a script of statuses, then answers 200."""

    def __init__(self) -> None:
        """Answer 200 to begin with."""
        self.script: list[tuple[int, dict[str, str]]] = []
        self.requests: list[dict[str, str]] = []
        self.app = FastAPI()
        self.app.add_api_route("/v1/things/{sku}", self.answer, methods=["GET"])
        self.app.add_api_route("/v1/things", self.answer, methods=["POST"])

    async def answer(self, request: Request) -> Response:
        """Answer what the script says next."""
        self.requests.append(dict(request.headers))
        status, headers = self.script.pop(0) if self.script else (200, {})
        return Response(b'{"sku": "1"}', status, headers, "application/json")


@pytest.fixture
async def shelf() -> AsyncIterator[tuple[Shelf, str]]:
    """Give a provider behind uvicorn, and its URL."""
    shelf = Shelf()
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(shelf.app, log_config=None, lifespan="off")
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        yield shelf, f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        await running


async def test_call_goes_over_the_wire(
    shelf: tuple[Shelf, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The provider gets the context, and the answer becomes a value."""
    provider, url = shelf
    async with calling(url, monkeypatch) as things:
        assert await things.find("1") == Thing(sku="1")

    headers = provider.requests[0]
    assert headers["user-agent"] == "fleetwright"
    assert 0 < int(headers["fleet-deadline-ms"]) <= 1_000
    assert headers["traceparent"].startswith("00-")


async def test_busy_provider_is_asked_again(
    shelf: tuple[Shelf, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """503 with Retry-After is waited for, then answered."""
    provider, url = shelf
    provider.script = [(503, {"Retry-After": "1"})]
    async with calling(url, monkeypatch) as things:
        started = asyncio.get_running_loop().time()
        async with stolen_time() as stolen:
            await things.find("1")
        took = asyncio.get_running_loop().time() - started

    assert len(provider.requests) == 2
    assert 1.0 <= took < 2.0 + stolen.seconds


async def test_post_is_not_replayed_on_a_gateway_error(
    shelf: tuple[Shelf, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a key nobody knows whether it was done."""
    provider, url = shelf
    provider.script = [(502, {})]
    async with calling(url, monkeypatch) as things:
        with pytest.raises(Unavailable):
            await things.add(Thing(sku="1"))

    assert len(provider.requests) == 1


async def test_post_with_a_key_is_replayed_with_it(
    shelf: tuple[Shelf, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same key in every attempt."""
    provider, url = shelf
    provider.script = [(502, {}), (503, {})]
    async with calling(url, monkeypatch) as things:
        await things.add(Thing(sku="1"), key="k-1")

    assert [one["idempotency-key"] for one in provider.requests] == ["k-1"] * 3


async def test_refused_connection_is_tried_again_even_for_a_post(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing was sent, so nothing can be done twice; in the end it is `connect`."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    async with calling(f"http://127.0.0.1:{port}", monkeypatch) as things:
        with pytest.raises(Unavailable) as caught:
            await things.add(Thing(sku="1"))

    assert caught.value.reason == "connect"
    assert caught.value.__notes__[0] == "attempts: 3, stopped by: attempts"


async def test_lost_connection_replays_reads_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A server that hears and hangs up: three sends of a GET, one of a POST."""
    sends = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sends
        await heard(reader)
        sends += 1
        writer.transport.abort()

    async with talking(talk) as url, calling(url, monkeypatch) as things:
        with pytest.raises(Unavailable) as read:
            await things.find("1")
        reads, sends = sends, 0
        with pytest.raises(Unavailable) as written:
            await things.add(Thing(sku="1"))

    assert (reads, sends) == (3, 1)
    assert (read.value.reason, written.value.reason) == ("reset", "reset")


async def test_answer_that_breaks_off_is_a_lost_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Half a body is no body."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await heard(reader)
        writer.write(OK + b'{"sku"')
        await writer.drain()

    async with talking(talk) as url, calling(url, monkeypatch) as things:
        with pytest.raises(Unavailable) as caught:
            await things.add(Thing(sku="1"))

    assert caught.value.reason == "reset"


async def test_dripping_answer_is_cut_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit covers the body to its last byte."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await heard(reader)
        writer.write(OK)
        with suppress(ConnectionError):
            for byte in b'{"sku": "12"}':
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(0.1)  # the drip itself: 1.3 s for the whole body

    loop = asyncio.get_running_loop()
    async with (
        talking(talk) as url,
        calling(url, monkeypatch, total=0.5, each=0.3) as things,
    ):
        started = loop.time()
        async with stolen_time() as stolen:
            with pytest.raises(Unavailable):
                await things.find("1")
        took = loop.time() - started

    assert 0.3 <= took < 0.75 + stolen.seconds


async def test_silent_provider_is_cut_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that accepts and says nothing costs the limit of the call."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with (
        talking(talk) as url,
        calling(url, monkeypatch, total=0.2, each=0.2) as things,
    ):
        with pytest.raises(DeadlineExceeded):
            await things.find("1")


async def test_answer_that_is_no_http_does_not_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever answers there is not the provider."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await heard(reader)
        writer.write(b"SSH-2.0-OpenSSH_9.9\r\n\r\n")
        await writer.drain()

    async with talking(talk) as url, calling(url, monkeypatch) as things:
        with pytest.raises(Unavailable) as caught:
            await things.find("1")

    assert caught.value.reason == "invalid_answer"


async def test_answer_that_is_too_long_is_not_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What a provider sends cannot fill the memory."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await heard(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + b" " * 5000)
        await writer.drain()

    transport = AiohttpTransport(max_body_bytes=1_000)
    await transport.open()
    async with talking(talk) as url:
        with pytest.raises(Unavailable, match="longer than 1000 bytes") as caught:
            await transport.exchange(Sent("GET", f"{url}/", {}))
        await transport.close()

    assert caught.value.reason == "invalid_answer"


async def test_redirect_is_not_followed(
    shelf: tuple[Shelf, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody else gets what was meant for the provider."""
    provider, url = shelf
    provider.script = [(307, {"Location": f"{url}/v1/things/2"})]
    async with calling(url, monkeypatch) as things:
        with pytest.raises(Unavailable, match="answered 307"):
            await things.find("1")

    assert len(provider.requests) == 1


async def test_closed_transport_carries_nothing() -> None:
    """A call after the end of the service is told so."""
    transport = AiohttpTransport()
    await transport.open()
    await transport.close()

    with pytest.raises(Unavailable, match="pool is closed"):
        await transport.exchange(Sent("GET", "http://127.0.0.1/", {}))
