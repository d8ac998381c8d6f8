"""What a caller makes of answers, and of connections that end."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from fleetwright_cli.rehearse._caller import Caller, Lost
from fleetwright_cli.rehearse._events import _told

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
REQUEST = b"GET / HTTP/1.1\r\n\r\n"
PATIENCE_SECONDS = 60.0


@asynccontextmanager
async def serving(handle: Handler) -> AsyncIterator[int]:
    """Have a server answer inside the block; give its port."""
    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def saying(*answers: bytes) -> Handler:
    """Return what answers each request of a connection in turn, then closes it."""

    async def handle(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        for answer in answers:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
        await writer.drain()
        writer.close()

    return handle


@pytest.mark.parametrize(
    ("answer", "status", "body"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, b"ok"),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"2\r\nok\r\n1\r\n!\r\n0\r\n\r\n",
            200,
            b"ok!",
        ),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
        (b"HTTP/1.1 200 OK\r\n\r\nuntil the end", 200, b"until the end"),
    ],
)
async def test_answer_is_read_whole(answer: bytes, status: int, body: bytes) -> None:
    """However its length is told."""
    caller = Caller(PATIENCE_SECONDS)
    async with serving(saying(answer)) as port:
        found = await caller.send(port, REQUEST, repeatable=False)
    caller.close()

    assert (found.status, found.body, found.resent) == (status, body, False)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"", "a new connection was closed unanswered"),
        (b"HTTP/1.1 200", "the connection was closed within the answer"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok",
            "the connection was closed within the answer",
        ),
    ],
)
async def test_answer_that_ends_early_is_lost(answer: bytes, why: str) -> None:
    """Repeatable or not: it was a new connection."""
    caller = Caller(PATIENCE_SECONDS)
    async with serving(saying(answer)) as port:
        with pytest.raises(Lost, match=why):
            await caller.send(port, REQUEST, repeatable=True)


async def test_nobody_who_listens_is_told() -> None:
    """A refused connection is no answer."""
    with socket.socket() as held:  # nobody else gets it, and nobody listens
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        with pytest.raises(Lost, match="no connection"):
            await Caller(PATIENCE_SECONDS).send(port, REQUEST, repeatable=True)


@pytest.mark.parametrize("repeatable", [True, False])
async def test_kept_connection_that_was_closed_is_left(repeatable: bool) -> None:
    """One that was closed in sight is not used; what is sent anew is no repetition."""
    good = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    caller = Caller(PATIENCE_SECONDS)
    async with serving(saying(good)) as port:
        await caller.send(port, REQUEST, repeatable=repeatable)
        (kept,) = caller._idle[port]
        await kept.reader.read()  # until its end is seen
        found = await caller.send(port, REQUEST, repeatable=repeatable)
        caller.close()

    assert (found.status, found.resent) == (200, False)


def test_events_that_wait_are_told_in_words() -> None:
    """In the outbox, parked, dead, and not heard yet."""
    nothing: dict[str, Any] = {
        "outbox": [],
        "groups": [{"group": "a", "parked": [], "backlog": None}],
    }
    much = {
        "outbox": [{"topic": "orders.placed", "pending": 2, "refused": 0}],
        "groups": [
            {
                "group": "payments",
                "parked": [{"topic": "orders.paid", "parked": 0, "dead": 1}],
                "backlog": {"total": 3},
            }
        ],
    }

    assert _told(nothing) == []
    assert _told(much) == [
        "2 pending in the outbox of orders.placed",
        "1 dead of orders.paid",
        "3 not heard by payments",
    ]
