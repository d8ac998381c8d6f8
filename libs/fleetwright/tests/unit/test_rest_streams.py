"""A streamed answer cut into items, however the network cut it."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from itertools import pairwise
from typing import Any, Protocol

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from fleetwright.errors import Refused, Unavailable
from fleetwright.rest import Request, Response, ServerEvent, get, operations_of, rest
from fleetwright.rest._streaming import LONGEST_LINE_BYTES, items
from fleetwright.testing import FakeClock


class Thing(BaseModel):
    """What is read."""

    sku: str


class Things(Protocol):
    """What the tests call."""

    @get("/v1/things", stream="lines")
    def export(self) -> AsyncIterator[Thing]:
        """Yield all."""
        ...

    @get("/v1/words", stream="lines")
    def words(self) -> AsyncIterator[str]:
        """Yield lines as they are."""
        ...

    @get("/v1/pictures/{sku}", stream="bytes")
    def picture(self, sku: str) -> AsyncIterator[bytes]:
        """Yield pieces."""
        ...

    @get("/v1/changes", stream="events", idle_seconds=5.0)
    def changes(self) -> AsyncIterator[ServerEvent]:
        """Yield events as they come."""
        ...

    @get("/v1/news", stream="events")
    def news(self) -> AsyncIterator[Thing]:
        """Yield what the events hold."""
        ...


class Piecewise:
    """A response whose pieces are given; a number is a wait, an error is raised."""

    def __init__(self, *pieces: bytes | float | Exception, status: int = 200) -> None:
        """Answer with these pieces."""
        self.status = status
        self.headers: Mapping[str, str] = {"content-type": "application/problem+json"}
        self.closed = 0
        self._pieces = list(pieces)

    async def read(self) -> bytes:
        """Return the next piece."""
        while self._pieces:
            piece = self._pieces.pop(0)
            if isinstance(piece, Exception):
                raise piece
            if isinstance(piece, bytes):
                return piece
            await asyncio.sleep(piece)
        return b""

    async def close(self) -> None:
        """Count it."""
        self.closed += 1


class Wire:
    """A transport that begins the answers it is given, one after the other."""

    def __init__(self, *answers: Piecewise | Exception) -> None:
        """Answer with these."""
        self.answers = list(answers)
        self.sent: list[Request] = []

    async def open(self) -> None:
        """Do nothing."""

    async def close(self) -> None:
        """Do nothing."""

    async def exchange(self, request: Request) -> Response:
        """Never be called."""
        raise AssertionError(request)

    async def begin(self, request: Request) -> Piecewise:
        """Begin the next answer."""
        self.sent.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def client(*answers: Piecewise | Exception) -> Things:
    """Return a client that gets these answers."""
    return rest(Things, provider="shelf", transport=Wire(*answers))


async def read(method: str, pieces: Iterable[bytes]) -> list[Any]:
    """Return what a method makes of a body that comes in pieces."""
    operation = operations_of(Things)[method]
    return [item async for item in items(operation, Piecewise(*pieces), "shelf")]


async def all_of(found: AsyncIterator[Any]) -> list[Any]:
    """Return what is yielded."""
    return [item async for item in found]


def cut(body: bytes, places: list[int]) -> list[bytes]:
    """Return a body in pieces, cut at these places."""
    at = sorted({0, len(body), *(place % (len(body) + 1) for place in places)})
    return [body[a:b] for a, b in pairwise(at)]


@given(st.lists(st.integers(min_value=0), max_size=8))
def test_lines_are_the_same_however_the_body_was_cut(places: list[int]) -> None:
    """Neither an end of line nor a letter may be torn; empty lines are none."""
    body = '{"sku": "é1"}\r\n\n{"sku": "2"}\n{"sku": "3"}'.encode()

    found = asyncio.run(read("export", cut(body, places)))

    assert found == [Thing(sku="é1"), Thing(sku="2"), Thing(sku="3")]


@given(st.lists(st.integers(min_value=0), max_size=8))
def test_events_are_the_same_however_the_body_was_cut(places: list[int]) -> None:
    """By the rules of the HTML standard, section 9.2.6."""
    body = (
        "\ufeff: hello\n\nevent: sold\nid: 7\ndata: é\ndata:  two\n\n"
        "data\n\nretry: 5\nodd: x\ndata: last\n\ndata: cut"
    ).encode()

    found = asyncio.run(read("changes", cut(body, places)))

    assert found == [
        ServerEvent("é\n two", "sold", "7"),
        ServerEvent("", "message", "7"),
        ServerEvent("last", "message", "7"),
    ]


async def test_data_of_events_is_read_as_declared() -> None:
    """Each event holds one item, JSON."""
    found = await read("news", [b'data: {"sku":\ndata: "1"}\n\n'])

    assert found == [Thing(sku="1")]


async def test_bytes_and_words_come_as_they_are() -> None:
    """Nothing is read into them."""
    assert await read("picture", [b"\x00\xff", b"\n"]) == [b"\x00\xff", b"\n"]
    assert await read("words", [b"one\ntw", b"o"]) == ["one", "two"]


@pytest.mark.parametrize("method", ["export", "changes"])
async def test_line_without_an_end_cannot_fill_the_memory(method: str) -> None:
    """It is refused as soon as it is too long."""
    pieces = [b"data: " + b"x" * 65_536] + [b"x" * 65_536] * (
        LONGEST_LINE_BYTES // 65_536
    )

    with pytest.raises(Unavailable, match="is longer than") as caught:
        await read(method, pieces)

    assert caught.value.reason == "invalid_answer"
    assert caught.value.provider == "shelf"


async def test_event_of_many_lines_cannot_fill_the_memory() -> None:
    """The limit is of the event, not only of its lines."""
    lines = [b"data: " + b"x" * 999 + b"\n"] * (LONGEST_LINE_BYTES // 1000 + 1)

    with pytest.raises(Unavailable, match="is longer than"):
        await read("changes", lines)


async def test_item_that_does_not_fit_ends_the_stream() -> None:
    """The value is not repeated: it may be secret."""
    answer = Piecewise(b'{"sku": "1"}\n{"sku": {"secret": 1}}\n{"sku": "3"}\n')
    found = []

    with pytest.raises(
        Unavailable, match="an item of the stream does not fit"
    ) as caught:
        async for thing in client(answer).export():
            found.append(thing)

    assert found == [Thing(sku="1")]
    assert "secret" not in str(caught.value)
    assert answer.closed >= 1


async def test_stream_that_falls_silent_is_ended(clock: FakeClock) -> None:
    """The pipeline's limits end with the head; then each piece has its time."""
    answer = Piecewise(b"data: 1\n\n", 4.0, b"data: 2\n\n", 4.0, b"data: 3\n\n", 60.0)
    found = []

    with pytest.raises(Unavailable, match="said nothing for 5 s") as caught:
        async for event in client(answer).changes():
            found.append(event.data)

    assert found == ["1", "2", "3"]
    assert caught.value.reason == "timeout"
    assert answer.closed >= 1


async def test_stream_begins_again_only_before_its_first_byte(clock: FakeClock) -> None:
    """What was yielded is never yielded twice."""
    lost = Unavailable("lost", reason="reset")
    good = Piecewise(b'{"sku": "1"}\n', lost)
    things = client(lost, Piecewise(status=503), good)
    found = []

    with pytest.raises(Unavailable, match="lost"):
        async for thing in things.export():
            found.append(thing)

    assert found == [Thing(sku="1")]


async def test_refused_stream_is_told_as_any_refusal() -> None:
    """The problem is read, and the connection given back."""
    answer = Piecewise(b'{"title": "Not ', b'for you"}', status=403)

    with pytest.raises(Refused, match="Not for you") as caught:
        await all_of(client(answer).export())

    assert caught.value.status == 403
    assert answer.closed >= 1


async def test_who_stops_reading_leaves_nothing_open() -> None:
    """Closing the iterator closes the connection."""
    answer = Piecewise(b'{"sku": "1"}\n', b'{"sku": "2"}\n')
    stream: Any = client(answer).export()

    assert await anext(stream) == Thing(sku="1")
    await stream.aclose()

    assert answer.closed >= 1


async def test_stream_says_what_it_accepts() -> None:
    """The provider may choose the form by it."""
    wire = Wire(Piecewise(), Piecewise())
    things = rest(Things, provider="shelf", transport=wire)
    await all_of(things.export())
    await all_of(things.changes())

    assert [one.headers["Accept"] for one in wire.sent] == [
        "application/x-ndjson, application/jsonl",
        "text/event-stream",
    ]
