"""Items of many pages, each page fetched when it is needed."""

from collections.abc import AsyncIterator, Iterator
from typing import Protocol
from uuid import UUID

import pytest
from pydantic import BaseModel

from fleetwright._portal import end_background
from fleetwright.errors import Refused, Unavailable
from fleetwright.rest import Request, Response, get, rest
from fleetwright.rest._paging import next_url
from fleetwright.testing import FakeClock


class Charge(BaseModel):
    """What is read."""

    id: int


class Charges(Protocol):
    """What the tests call."""

    @get("/v1/charges", pages="next")
    def of_order(self, order_id: UUID, *, page_size: int = 50) -> AsyncIterator[Charge]:
        """Yield every charge of one order."""
        ...


class SyncCharges(Protocol):
    """The same for threads."""

    @get("/v1/charges", pages="next")
    def all(self) -> Iterator[Charge]:
        """Yield every charge."""
        ...


class Wire:
    """A transport that answers with these bodies, one after the other."""

    def __init__(self, *bodies: str | int) -> None:
        """Answer with these; a number is a status."""
        self.bodies = list(bodies)
        self.urls: list[str] = []

    async def open(self) -> None:
        """Do nothing."""

    async def close(self) -> None:
        """Do nothing."""

    async def exchange(self, request: Request) -> Response:
        """Answer."""
        self.urls.append(request.url)
        body = self.bodies.pop(0)
        if isinstance(body, int):
            return Response(body, {})
        return Response(200, {}, body.encode())


FIRST = f"http://payments/v1/charges?order_id={UUID(int=7)}&page_size=50"


def all_of(wire: Wire) -> AsyncIterator[Charge]:
    """Return the charges over that wire."""
    client = rest(Charges, provider="payments", transport=wire)
    return client.of_order(UUID(int=7))


async def test_items_of_all_pages_come_in_order() -> None:
    """A cursor is sent as `cursor` beside the other parameters."""
    wire = Wire(
        '{"items": [{"id": 1}, {"id": 2}], "next": "a b&c"}',
        '{"items": [], "next": "d"}',
        '{"items": [{"id": 3}], "next": null}',
    )

    assert [charge.id async for charge in all_of(wire)] == [1, 2, 3]
    assert wire.urls == [FIRST, f"{FIRST}&cursor=a+b%26c", f"{FIRST}&cursor=d"]


async def test_page_is_fetched_when_its_items_are_asked_for() -> None:
    """Who stops early asks for no more."""
    wire = Wire('{"items": [{"id": 1}, {"id": 2}], "next": "x"}')

    async for charge in all_of(wire):
        if charge.id == 2:
            break

    assert len(wire.urls) == 1


async def test_page_that_fails_is_tried_again(clock: FakeClock) -> None:
    """Each page is a call of its own."""
    wire = Wire('{"items": [{"id": 1}], "next": "x"}', 503, '{"items": [{"id": 2}]}')

    assert [charge.id async for charge in all_of(wire)] == [1, 2]


async def test_refusal_of_a_page_is_raised_after_the_items_before() -> None:
    """What was yielded stays yielded."""
    wire = Wire('{"items": [{"id": 1}], "next": "x"}', 403)
    found = []

    with pytest.raises(Refused):
        async for charge in all_of(wire):
            found.append(charge.id)

    assert found == [1]


@pytest.mark.parametrize(
    ("following", "url"),
    [
        ("/v1/charges?after=2", "http://payments/v1/charges?after=2"),
        ("?after=2", "http://payments/v1/charges?after=2"),
        ("http://payments/v1/more", "http://payments/v1/more"),
        ("2", "http://payments/v1/charges?order_id=1&cursor=2"),
        ("http:2", "http://payments/v1/charges?order_id=1&cursor=http%3A2"),
    ],
)
def test_next_page_is_named_by_cursor_or_url(following: str, url: str) -> None:
    """What looks like a URL is one; anything else is a cursor."""
    assert next_url("http://payments/v1/charges?order_id=1", following) == url


@pytest.mark.parametrize(
    "following",
    [
        "http://evil.example/v1/charges",
        "https://payments/v1/charges",
        "http://payments:8080/v1/charges",
        "//evil.example/v1/charges",
        "http://payments@evil.example/",
        "http://payments.evil.example/",
    ],
)
async def test_page_of_another_origin_is_not_fetched(following: str) -> None:
    """A provider cannot send us, and what we carry, elsewhere."""
    wire = Wire(f'{{"items": [], "next": "{following}"}}')

    with pytest.raises(Unavailable, match="leads to another origin") as caught:
        _ = [charge async for charge in all_of(wire)]

    assert len(wire.urls) == 1
    assert caught.value.reason == "invalid_answer"


async def test_pages_that_go_round_in_circles_are_ended() -> None:
    """A page that was read is not read again."""
    page = '{"items": [{"id": 1}], "next": "%s"}'
    wire = Wire(page % "a", page % "b", page % "a", page % "b")

    with pytest.raises(Unavailable, match="leads back to one that was read"):
        _ = [charge async for charge in all_of(wire)]

    assert len(wire.urls) == 3


async def test_pages_without_an_end_are_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is a most."""
    monkeypatch.setattr("fleetwright.rest._paging.MOST_PAGES", 5)
    wire = Wire(*(f'{{"items": [], "next": "{number}"}}' for number in range(9)))

    with pytest.raises(Unavailable, match="is not the last of 5"):
        _ = [charge async for charge in all_of(wire)]

    assert len(wire.urls) == 5


async def test_page_without_items_does_not_fit() -> None:
    """The contract is checked, page by page."""
    with pytest.raises(Unavailable, match="items: Field required"):
        _ = [charge async for charge in all_of(Wire('{"data": []}'))]


def test_pages_are_iterated_in_a_thread_too() -> None:
    """The same pages, fetched on a loop in the background."""
    wire = Wire('{"items": [{"id": 1}], "next": "x"}', '{"items": [{"id": 2}]}')
    client = rest(SyncCharges, provider="payments", transport=wire)

    assert [charge.id for charge in client.all()] == [1, 2]
    end_background()
