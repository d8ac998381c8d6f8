"""Clients whose methods are plain `def`: one implementation, waited for in a thread."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import pytest
from pydantic import BaseModel

from fleetwright import Service, Settings
from fleetwright._context import bind, new_call
from fleetwright._deadline import Deadline
from fleetwright._portal import background, end_background
from fleetwright.errors import DeadlineExceeded, Refused
from fleetwright.rest import Request, Response, get, rest


class Thing(BaseModel):
    """What is read."""

    sku: str


class Things(Protocol):
    """What the tests call."""

    @get("/v1/things/{sku}", missing=404)
    def find(self, sku: str) -> Thing | None:
        """Return one."""
        ...


class Wire:
    """A transport that answers what it is told to, and notes on which loop."""

    def __init__(self, answer: Response, seconds: float = 0.0) -> None:
        """Answer after so many seconds."""
        self.answer = answer
        self.seconds = seconds
        self.sent: list[Request] = []
        self.loops: list[asyncio.AbstractEventLoop] = []
        self.opened = 0
        self.closed = 0

    async def open(self) -> None:
        """Count it."""
        self.opened += 1

    async def close(self) -> None:
        """Count it."""
        self.closed += 1

    async def exchange(self, request: Request) -> Response:
        """Answer."""
        self.sent.append(request)
        self.loops.append(asyncio.get_running_loop())
        await asyncio.sleep(self.seconds)
        return self.answer


@pytest.fixture(autouse=True)
def _no_background() -> Iterator[None]:
    """Give a world without a background loop, and leave none."""
    end_background()
    yield
    end_background()


def found() -> Wire:
    """Return a wire that finds everything."""
    return Wire(Response(200, {}, b'{"sku": "7"}'))


def client(wire: Wire) -> Things:
    """Return a sync client over that wire."""
    return rest(Things, provider="shelf", transport=wire)


def test_sync_method_returns_the_declared_value() -> None:
    """Without a service the call is made in the background, over one pool."""
    wire = found()
    things = client(wire)

    assert (things.find("7"), things.find("7")) == (Thing(sku="7"), Thing(sku="7"))
    assert set(wire.loops) == {background().loop}
    assert wire.opened == 1


def test_pool_in_the_background_is_closed_with_it() -> None:
    """Nothing stays open at the exit of the process."""
    wire = found()
    client(wire).find("7")

    end_background()

    assert (wire.opened, wire.closed) == (1, 1)


@pytest.mark.parametrize(
    ("status", "expected"), [(404, None), (409, pytest.raises(Refused))]
)
def test_refusals_are_those_of_an_async_client(status: int, expected: Any) -> None:
    """`missing` is None, another no is `Refused`."""
    things = client(Wire(Response(status, {})))

    if expected is None:
        assert things.find("7") is None
    else:
        with expected:
            things.find("7")


async def test_client_of_a_service_calls_on_the_loop_of_the_service() -> None:
    """Threads of the service share the pool it opened."""
    wire = found()
    service = Service("shop", Settings())
    things = service.add(client(wire))
    await service.open()

    await asyncio.gather(*(asyncio.to_thread(things.find, "7") for _ in range(3)))
    await service.close()

    assert set(wire.loops) == {asyncio.get_running_loop()}
    assert (wire.opened, wire.closed) == (1, 1)


async def test_sync_method_is_refused_where_it_would_block_the_loop() -> None:
    """The error names the method."""
    things: Callable[..., object] = client(found()).find

    with pytest.raises(RuntimeError, match=r"Things.find\(\) is sync"):
        things("7")


def test_call_and_deadline_of_the_thread_travel() -> None:
    """The provider learns whose call it is and how long is left."""
    wire = found()
    with bind(new_call("shop", id="c-1")), Deadline.after(0.5):
        client(wire).find("7")

    headers = wire.sent[0].headers
    assert headers["Fleet-Call-Id"] == "c-1"
    assert headers["Fleet-Caller"] == "shop"
    assert 0 < int(headers["Fleet-Deadline-Ms"]) <= 500


def test_deadline_of_the_thread_cuts_the_call() -> None:
    """Nobody waits for an answer that is useless."""
    wire = found()
    wire.seconds = 30.0

    with pytest.raises(DeadlineExceeded), Deadline.after(0.1):
        client(wire).find("7")
