"""Answers remembered for when there is no new one."""

from typing import Any

import pytest
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st

from fleetwright import Service, Settings
from fleetwright._context import _lacking, bind, degraded, new_call, note_degraded
from fleetwright.errors import (
    DeadlineExceeded,
    DeclarationError,
    Reason,
    Refused,
    Unavailable,
)
from fleetwright.fastapi import mount
from fleetwright.resilience import FellBack, PolicyEvent, StaleIfError
from fleetwright.testing import FakeClock, serving


def down(reason: Reason = "status", status: int | None = 503) -> Unavailable:
    """Return a failure."""
    return Unavailable("no", reason=reason, status=status)


async def test_remembered_answer_is_given_while_there_is_no_new_one(
    clock: FakeClock,
) -> None:
    """The event says how old it is and why."""
    told: list[PolicyEvent] = []
    prices: StaleIfError[str, int] = StaleIfError("prices", listener=told.append)
    script: list[int | Exception] = [199, down()]

    async def price() -> int:
        step = script.pop(0)
        if isinstance(step, Exception):
            raise step
        return step

    assert await prices.run("71053", price) == 199
    clock.advance(30)
    assert await prices.run("71053", price) == 199

    assert told == [FellBack("prices", 30.0, "status")]


@pytest.mark.parametrize(
    "error",
    [
        down("rejected", None),
        down("connect", None),
        down("timeout", None),
        down("reset", None),
        down("status", 500),
        DeadlineExceeded(),
    ],
    ids=lambda error: f"{error.reason}-{error.status}",
)
def test_outages_are_bridged(error: Unavailable) -> None:
    """Whatever keeps the provider from answering."""
    prices: StaleIfError[str, int] = StaleIfError("prices")
    prices.keep("a", 1)

    assert prices.instead_of(error, "a") == 1


@pytest.mark.parametrize("error", [down("invalid_answer", 200), down("status", 429)])
def test_mistakes_are_not_hidden(error: Unavailable) -> None:
    """An answer that does not fit, or our own haste, must be seen."""
    prices: StaleIfError[str, int] = StaleIfError("prices")
    prices.keep("a", 1)

    with pytest.raises(Unavailable) as caught:
        prices.instead_of(error, "a")

    assert caught.value is error


async def test_refusal_passes() -> None:
    """They answered: no."""
    prices: StaleIfError[str, int] = StaleIfError("prices")
    prices.keep("a", 1)

    async def price() -> int:
        raise Refused("no", status=404)

    with pytest.raises(Refused):
        await prices.run("a", price)


def test_answer_that_is_too_old_is_forgotten(clock: FakeClock) -> None:
    """Better no price than one of last year."""
    prices: StaleIfError[str, int] = StaleIfError("prices", seconds=60)
    prices.keep("a", 1)
    clock.advance(60)
    assert prices.instead_of(down(), "a") == 1
    clock.advance(0.001)

    with pytest.raises(Unavailable):
        prices.instead_of(down(), "a")


@settings(deadline=None)  # a busy machine is no failure
@given(st.integers(1, 5), st.lists(st.integers(0, 9), max_size=60))
def test_at_most_so_many_are_remembered_the_last_used(
    most: int, keys: list[int]
) -> None:
    """The ones unused for longest are forgotten first."""
    remembered: StaleIfError[int, int] = StaleIfError("it", most=most)
    for key in keys:
        remembered.keep(key, key)
    youngest = list(dict.fromkeys(reversed(keys)))[:most]

    for key in range(10):
        if key in youngest:
            assert remembered.instead_of(down(), key) == key
        else:
            with pytest.raises(Unavailable):
                remembered.instead_of(down(), key)


async def test_answer_made_from_an_old_one_says_so() -> None:
    """The header names what was done without, in this answer and in no other."""
    prices: StaleIfError[str, int] = StaleIfError("prices")
    app = FastAPI()

    @app.get("/v1/price/{sku}")
    async def price(sku: str) -> int:
        prices.keep("a", 1)
        note_degraded("stock")
        return prices.instead_of(down(), sku)

    @app.get("/v1/fine")
    def fine() -> int:
        return 1

    async with serving(mount(app, Service("shop", Settings()))) as http:
        old = await http.get("/v1/price/a")
        fresh = await http.get("/v1/fine")

    assert old.headers["Fleet-Degraded"] == "stock, prices"
    assert "Fleet-Degraded" not in fresh.headers
    assert not _lacking


async def test_sync_route_may_say_so_too() -> None:
    """A thread runs in a copy of the context; the note still arrives."""
    app = FastAPI()

    @app.get("/v1/price")
    def price() -> int:
        note_degraded("prices")
        return 1

    async with serving(mount(app, Service("shop", Settings()))) as http:
        answer = await http.get("/v1/price")

    assert answer.headers["Fleet-Degraded"] == "prices"


def test_note_outside_of_a_call_is_no_note() -> None:
    """There is no answer to mark."""
    note_degraded("prices")

    assert degraded() == ""
    with bind(new_call("shop")):
        assert degraded() == ""


@pytest.mark.parametrize(
    "wrong", [{"name": "a b"}, {"name": ""}, {"seconds": 0}, {"most": 0}], ids=str
)
def test_declarations_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    """The name stands in a header; the memory is bounded."""
    with pytest.raises(DeclarationError):
        StaleIfError(**{"name": "prices", **wrong})
