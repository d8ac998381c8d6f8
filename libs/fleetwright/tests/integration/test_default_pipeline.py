"""A typed client that says nothing about its guards, against a real server."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Protocol

import pytest

from fleetwright.errors import Unavailable
from fleetwright.rest import get, rest


class Things(Protocol):
    """What the tests call."""

    @get("/v1/things/{sku}")
    async def find(self, sku: str) -> dict[str, str]:
        """Return one."""
        ...


class Shelf:
    """A server on this machine that answers with one status.

    Attributes:
        status: The status.
        requests: How many reached it.
        holds: How long it holds each, in seconds.
        url: Where it answers.
    """

    def __init__(self) -> None:
        """Answer 200 to begin with."""
        self.status = b"200 OK"
        self.requests = self.now = self.most = 0
        self.holds = 0.0
        self.url = ""

    async def talk(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Answer every request of a connection."""
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                self.requests += 1
                self.now += 1
                self.most = max(self.most, self.now)
                await asyncio.sleep(self.holds)
                self.now -= 1
                writer.write(b"HTTP/1.1 " + self.status + b"\r\nContent-Length: 2\r\n")
                writer.write(b"Content-Type: application/json\r\n\r\n{}")
        except asyncio.IncompleteReadError:
            writer.close()


@pytest.fixture(name="shelf")
async def _shelf(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Shelf]:
    """Give a running server, whose address is in the environment."""
    shelf = Shelf()
    server = await asyncio.start_server(shelf.talk, "127.0.0.1", 0)
    shelf.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    monkeypatch.setenv("SHELF_URL", shelf.url)
    async with server:
        yield shelf


@pytest.fixture(name="things")
async def _things(shelf: Shelf) -> AsyncIterator[Any]:
    """Give a client with the guards of every client."""
    things: Any = rest(Things, provider="shelf")
    yield things
    await things.__part__.close()


async def test_dead_provider_is_not_called_any_more(shelf: Shelf, things: Any) -> None:
    """Ten failures in a row open the circuit; /info says so, and nothing is sent."""
    shelf.status = b"503 Service Unavailable"
    while things.__part__.facts()["breaker"]["state"] == "closed":
        with pytest.raises(Unavailable):
            await things.find("1")
    reached = shelf.requests

    with pytest.raises(Unavailable, match="circuit is open") as caught:
        await things.find("1")

    assert (reached, shelf.requests) == (10, 10)
    assert caught.value.reason == "rejected"
    assert 0 < (caught.value.retry_after_seconds or 0) <= 5.5


async def test_slow_provider_holds_a_bounded_part_of_the_client(
    shelf: Shelf, things: Any
) -> None:
    """Of a hundred calls at once 32 are sent, 16 wait, the rest is refused at once."""
    shelf.holds = 0.3

    calls = [things.find("1") for _ in range(100)]
    results = await asyncio.gather(*calls, return_exceptions=True)

    refused = [error for error in results if isinstance(error, Unavailable)]
    assert shelf.most == 32
    assert results.count({}) == 32
    assert {error.reason for error in refused} == {"rejected"}
    assert things.__part__.facts()["bulkhead"]["used"] == 0
