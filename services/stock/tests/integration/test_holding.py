"""Holding units and giving them back, over a real connection."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest

from fleetwright import Refused, Service
from shop_stock.stock_pb2 import (
    CountsRequest,
    HoldReply,
    HoldRequest,
    ReceiveRequest,
    ReleaseRequest,
    Shortage,
    Units,
)
from shop_stock.stock_pb2_grpc import StockStub
from stock.expiry import Expiry

Counts = Callable[[str], Awaitable[tuple[int, ...]]]
Expire = Callable[[], Awaitable[int]]
Hold = Callable[..., Awaitable[HoldReply]]


def kind_of(error: Refused) -> object:
    """Return the reason a problem gives to programs."""
    return (error.problem or {}).get("kind")


async def test_a_hold_takes_its_units_from_the_shelf(
    stock: StockStub, counts: Counts
) -> None:
    """What is held is on hand no more; a product in two lines is one product."""
    lines = [Units(sku="tea", quantity=2), Units(sku="tea", quantity=1)]

    reply = await stock.Hold(HoldRequest(hold_id="1", lines=lines))

    assert reply.held
    assert await counts("tea") == (10, 7, 3, 0, 0)


async def test_a_repeated_hold_holds_once(hold: Hold, counts: Counts) -> None:
    """The same id with the same lines answers the same and takes nothing more."""
    replies = [await hold("1", tea=3) for _ in range(3)]

    assert [reply.held for reply in replies] == [True] * 3
    assert await counts("tea") == (10, 7, 3, 0, 0)


async def test_a_hold_asked_for_many_times_at_once_holds_once(
    hold: Hold, counts: Counts
) -> None:
    """Twins of one request do not both take units."""
    asked = (hold("1", tea=3) for _ in range(10))

    replies = await asyncio.gather(*asked)

    assert all(reply.held for reply in replies)
    assert await counts("tea") == (10, 7, 3, 0, 0)


async def test_an_id_names_the_same_lines_for_ever(hold: Hold, counts: Counts) -> None:
    """Other lines under a used id are refused and hold nothing."""
    await hold("1", tea=3)

    with pytest.raises(Refused) as caught:
        await hold("1", tea=4)

    assert (caught.value.status, kind_of(caught.value)) == (409, "other_lines")
    assert await counts("tea") == (10, 7, 3, 0, 0)


async def test_too_little_of_one_product_holds_nothing_of_any(
    hold: Hold, counts: Counts
) -> None:
    """All lines or none; the answer says what is missing."""
    reply = await hold("1", tea=3, milk=11)

    assert not reply.held
    assert list(reply.missing) == [Shortage(sku="milk", wanted=11, on_hand=10)]
    assert await counts("tea") == (10, 10, 0, 0, 0)


async def test_the_id_of_a_hold_that_never_was_is_free(hold: Hold) -> None:
    """A buyer who asks for less under the same id gets it."""
    await hold("1", tea=11)

    assert (await hold("1", tea=10)).held


async def test_the_last_units_are_held_once(hold: Hold, counts: Counts) -> None:
    """Twenty buyers at once of ten units: ten get one."""
    asked = (hold(str(n), tea=1) for n in range(20))

    replies = await asyncio.gather(*asked)

    assert sum(reply.held for reply in replies) == 10
    assert await counts("tea") == (10, 0, 10, 0, 0)


async def test_released_units_are_back_on_the_shelf(
    stock: StockStub, hold: Hold, counts: Counts
) -> None:
    """Released again, nothing more comes back."""
    await hold("1", tea=3)

    first = await stock.Release(ReleaseRequest(hold_id="1"))
    second = await stock.Release(ReleaseRequest(hold_id="1"))

    assert (first.released, second.released) == (True, False)
    assert await counts("tea") == (10, 10, 0, 0, 0)


async def test_a_hold_nobody_knows_is_not_released(stock: StockStub) -> None:
    """NOT_FOUND, as the contract says."""
    with pytest.raises(Refused) as caught:
        await stock.Release(ReleaseRequest(hold_id="1"))

    assert caught.value.status == 404


async def test_units_of_a_hold_that_expired_are_back(
    hold: Hold, counts: Counts, expire: Expire, service: Service
) -> None:
    """Holds whose time is over end, and no others."""
    await hold("1", tea=3)
    early = await service.find(Expiry).sweep(datetime.now(UTC))

    due = await expire()
    again = await expire()

    assert (early, due, again) == (0, 1, 0)
    assert await counts("tea") == (10, 10, 0, 0, 0)


async def test_an_expired_hold_can_be_taken_again(
    hold: Hold, counts: Counts, expire: Expire
) -> None:
    """The same request holds the units once more, if there are any."""
    await hold("1", tea=3)
    await expire()

    assert (await hold("1", tea=3)).held
    assert await counts("tea") == (10, 7, 3, 0, 0)


async def test_a_delivery_is_counted_once(
    stock: StockStub, hold: Hold, counts: Counts
) -> None:
    """A product counted in by a delivery has no opening units."""
    request = ReceiveRequest(
        delivery_id="d-1", lines=[Units(sku="tea", quantity=5)] * 2
    )

    replies = [await stock.Receive(request) for _ in range(2)]

    assert [reply.received for reply in replies] == [True, False]
    assert await counts("tea") == (10, 10, 0, 0, 0)
    assert not (await hold("1", tea=11)).held


async def test_a_delivery_names_the_same_lines_for_ever(
    stock: StockStub, counts: Counts
) -> None:
    """More, fewer and other lines under a used id are refused."""
    tea, milk = Units(sku="tea", quantity=5), Units(sku="milk", quantity=1)
    await stock.Receive(ReceiveRequest(delivery_id="d-1", lines=[tea]))

    for lines in ([tea, milk], [milk], [tea, tea]):
        with pytest.raises(Refused) as caught:
            await stock.Receive(ReceiveRequest(delivery_id="d-1", lines=lines))
        assert caught.value.status == 409

    assert await counts("tea") == (5, 5, 0, 0, 0)


async def test_counts_come_in_the_order_asked_for(stock: StockStub, hold: Hold) -> None:
    """Products nobody heard of are left out, and asking makes none."""
    await hold("1", tea=1, milk=1)

    reply = await stock.Counts(CountsRequest(skus=["tea", "soap", "milk"]))

    assert [count.sku for count in reply.counts] == ["tea", "milk"]


@pytest.mark.parametrize(
    "request_",
    [
        HoldRequest(hold_id="", lines=[Units(sku="tea", quantity=1)]),
        HoldRequest(hold_id="x" * 65, lines=[Units(sku="tea", quantity=1)]),
        HoldRequest(hold_id="1"),
        HoldRequest(hold_id="1", lines=[Units(sku="tea", quantity=1)] * 2001),
        HoldRequest(hold_id="1", lines=[Units(sku="tea", quantity=0)]),
        HoldRequest(hold_id="1", lines=[Units(sku="tea", quantity=-1)]),
        HoldRequest(hold_id="1", lines=[Units(sku="tea", quantity=1_000_001)]),
        HoldRequest(hold_id="1", lines=[Units(sku="t\nea", quantity=1)]),
        HoldRequest(hold_id="1", lines=[Units(quantity=1)]),
    ],
)
async def test_odd_requests_are_refused(
    stock: StockStub, request_: HoldRequest
) -> None:
    """Empty, endless, fractional and negative wishes never reach the shelf."""
    with pytest.raises(Refused) as caught:
        await stock.Hold(request_)

    assert (caught.value.status, kind_of(caught.value)) == (400, "bad_request")


async def test_the_opening_delivery_is_stocks_own(stock: StockStub) -> None:
    """Nobody else counts in under its name."""
    lines = [Units(sku="tea", quantity=1)]

    with pytest.raises(Refused):
        await stock.Receive(ReceiveRequest(delivery_id="opening", lines=lines))
