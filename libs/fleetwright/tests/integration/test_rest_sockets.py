"""Servers that cut, drip and fall silent: no half answers, no lost sockets."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, Protocol

import pytest
from pydantic import BaseModel
from stolen import stolen_time

from fleetwright import _transport
from fleetwright._transport import AiohttpTransport, Request
from fleetwright.errors import Unavailable
from fleetwright.resilience import Pipeline, Timeout
from fleetwright.rest import get, rest

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
SIZED = HEAD + b"Content-Length: 13\r\n\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
BODY = b'{"sku": "12"}'
Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Thing(BaseModel):
    """What is read: whole, a shorter text would do as well."""

    sku: str = ""


class Things(Protocol):
    """What the tests call."""

    @get("/v1/thing")
    async def thing(self) -> Thing:
        """Return one."""
        ...

    @get("/v1/things", stream="lines", idle_seconds=0.3)
    def things(self) -> AsyncIterator[Thing]:
        """Yield many."""
        ...


def sockets() -> int:
    """Return how many sockets this process has open."""
    count = 0
    for number in os.listdir("/proc/self/fd"):
        with suppress(OSError):
            count += os.readlink(f"/proc/self/fd/{number}").startswith("socket:")
    return count


@asynccontextmanager
async def talking(talk: Talk) -> AsyncIterator[str]:
    """Give the URL of a server that treats every request as `talk` says."""

    async def converse(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                await reader.readuntil(b"\r\n\r\n")
                await talk(reader, writer)
                if writer.is_closing():
                    break
        writer.close()

    server = await asyncio.start_server(converse, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


@asynccontextmanager
async def calling(
    url: str, monkeypatch: pytest.MonkeyPatch, seconds: float = 1.0
) -> AsyncIterator[Things]:
    """Give a client that tries once."""
    monkeypatch.setenv("SHELF_URL", url)
    things: Any = rest(
        Things, provider="shelf", pipeline=Pipeline("shelf", Timeout(seconds))
    )
    try:
        yield things
    finally:
        await things.__part__.close()


async def settled(baseline: int) -> int:
    """Return the number of sockets once it is the baseline, or after ten seconds."""
    async with asyncio.timeout(60):
        with suppress(TimeoutError):
            while sockets() != baseline:  # noqa: ASYNC110 - the system tells nobody
                await asyncio.sleep(0)
    return sockets()


def saying(*pieces: bytes, abort: bool = False) -> Talk:
    """Return a server that says these pieces and hangs up."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        if abort:
            writer.transport.abort()
        else:
            writer.close()

    return talk


CUTS = {
    "in the head": saying(HEAD[:20]),
    "after the head": saying(SIZED),
    "in the body": saying(SIZED, BODY[:5]),
    "by a reset in the body": saying(SIZED, BODY[:5], abort=True),
    "in a chunk": saying(CHUNKED, b"d\r\n" + BODY[:5]),
    "between chunks": saying(CHUNKED, b"5\r\n" + BODY[:5] + b"\r\n"),
    "in the size of a chunk": saying(CHUNKED, b"5\r\n" + BODY[:5] + b"\r\n8"),
    "before the last chunk": saying(CHUNKED, b"d\r\n" + BODY + b"\r\n"),
    "in a packed body": saying(
        HEAD + b"Content-Encoding: gzip\r\nContent-Length: 10\r\n\r\n",
        bytes.fromhex("1f8b0800000000000003"),
    ),
}


@pytest.mark.parametrize("cut", CUTS)
async def test_answer_that_was_cut_is_no_answer(
    cut: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even where what came reads like a whole one."""
    before = sockets()
    async with talking(CUTS[cut]) as url, calling(url, monkeypatch) as things:
        with pytest.raises(Unavailable) as caught:
            await things.thing()

    assert caught.value.reason == "reset"
    assert await settled(before) == before


async def test_stream_that_was_cut_says_so_after_its_items(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whole lines are items; the line that was cut is none."""
    before = sockets()
    line = BODY + b"\n"
    talk = saying(CHUNKED, b"e\r\n" + line + b"\r\n" + b"e\r\n" + line[:5])
    found = []
    async with talking(talk) as url, calling(url, monkeypatch) as things:
        with pytest.raises(Unavailable) as caught:
            async for thing in things.things():
                found.append(thing)

    assert found == [Thing(sku="12")]
    assert caught.value.reason == "reset"
    assert await settled(before) == before


async def dripping(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer in thirteen drips, a tenth of a second apart."""
    writer.write(SIZED)
    for byte in BODY:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.1)  # the drip itself


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Never answer."""
    await reader.read()


@pytest.mark.parametrize("talk", [dripping, silent])
async def test_slow_answer_costs_the_time_of_the_call_and_no_socket(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit covers the answer to its last byte."""
    loop, before = asyncio.get_running_loop(), sockets()
    async with talking(talk) as url, calling(url, monkeypatch, 0.3) as things:
        began = loop.time()
        async with stolen_time() as stolen:
            with pytest.raises(Unavailable):
                await things.thing()
        took = loop.time() - began

    assert 0.29 <= took < 0.6 + stolen.seconds
    assert await settled(before) == before


async def test_server_that_never_accepts_costs_the_time_of_the_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A black hole: the system answers the connection, nobody the request."""
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0), backlog=1) as hole:
        url = f"http://127.0.0.1:{hole.getsockname()[1]}"
        before = sockets()
        async with calling(url, monkeypatch, 0.3) as things:
            began = loop.time()
            async with stolen_time() as stolen:
                calls = [things.thing() for _ in range(5)]
                ends = await asyncio.gather(*calls, return_exceptions=True)
            took = loop.time() - began
        assert await settled(before) == before

    assert all(isinstance(end, Unavailable) for end in ends)
    assert 0.29 <= took < 0.8 + stolen.seconds


async def test_cancelled_call_closes_its_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The provider hears that nobody waits any more."""
    heard, gone = asyncio.Event(), asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.set()
        await reader.read()
        gone.set()

    async with talking(talk) as url, calling(url, monkeypatch, 30.0) as things:
        call = asyncio.ensure_future(things.thing())
        await heard.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        async with asyncio.timeout(60):
            await gone.wait()


async def test_stream_that_is_left_closes_its_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Who stops reading stops the provider too."""
    gone = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(CHUNKED + b"e\r\n" + BODY + b"\n\r\n")
        await reader.read()
        gone.set()

    async with talking(talk) as url, calling(url, monkeypatch, 1.0) as things:
        stream: Any = things.things()
        assert await anext(stream) == Thing(sku="12")
        await stream.aclose()
        async with asyncio.timeout(60):
            await gone.wait()


async def test_pool_is_bounded_and_its_wait_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What finds no place in time is told that we are full, not the provider."""
    monkeypatch.setattr(_transport, "POOL_WAIT_SECONDS", 0.05)
    answering = asyncio.Event()
    at_once, most = 0, 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await answering.wait()
        at_once -= 1
        writer.write(SIZED + BODY)

    transport = AiohttpTransport(connections=3)
    await transport.open()
    async with talking(talk) as url:
        request = Request("GET", url + "/", {})
        calls = [asyncio.create_task(transport.exchange(request)) for _ in range(9)]
        async with asyncio.timeout(60):
            while sum(call.done() for call in calls) < 6:
                await asyncio.wait(calls, timeout=0.05)
        done = {call for call in calls if call.done()}
        waiting = set(calls) - done
        for call in list(waiting)[:1]:
            call.cancel()
        answering.set()
        ends = await asyncio.gather(*waiting, return_exceptions=True)
        again = await asyncio.gather(*(transport.exchange(request) for _ in range(3)))
        await transport.close()

    assert len(done) == 6
    errors = [call.exception() for call in done]
    assert all(isinstance(one, Unavailable) for one in errors)
    assert {one.reason for one in errors if isinstance(one, Unavailable)} == {
        "rejected"
    }
    assert sum(isinstance(end, asyncio.CancelledError) for end in ends) == 1
    assert [one.body for one in again] == [BODY] * 3
    assert most == 3


async def test_connection_is_used_again_and_closed_in_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Calls one after the other share one connection; the end of a stream too."""
    opened: set[int] = set()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        opened.add(id(writer))
        writer.write(SIZED + BODY)

    before = sockets()
    async with talking(talk) as url, calling(url, monkeypatch) as things:
        for _ in range(5):
            assert await things.thing() == Thing(sku="12")
            assert [thing async for thing in things.things()] == [Thing(sku="12")]

    assert len(opened) == 1
    assert await settled(before) == before
