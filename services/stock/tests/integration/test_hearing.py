"""What becomes of held units when orders has spoken."""

from collections.abc import Awaitable, Callable
from uuid import UUID, uuid4

import pytest

from fleetwright import Refused
from fleetwright.testing import FakeBroker
from shop_stock.stock_pb2 import HoldReply, ReleaseRequest
from shop_stock.stock_pb2_grpc import StockStub
from stock.events import OrderPaid, OrderPlaced, OrderRefused, UnitsReturned

Counts = Callable[[str], Awaitable[tuple[int, ...]]]
Expire = Callable[[], Awaitable[int]]
Hold = Callable[..., Awaitable[HoldReply]]
ORDER = UUID(int=1)
ID = str(ORDER)


async def test_units_of_a_placed_order_stay_held(
    stock: StockStub, hold: Hold, counts: Counts, expire: Expire, broker: FakeBroker
) -> None:
    """Its hold does not end by itself, and nobody releases it."""
    await hold(ID, tea=3)
    await broker.deliver(OrderPlaced(order_id=ORDER))

    await expire()
    with pytest.raises(Refused) as caught:
        await stock.Release(ReleaseRequest(hold_id=ID))

    assert caught.value.status == 412
    assert await counts("tea") == (10, 7, 3, 0, 0)


async def test_units_of_a_paid_order_are_sold(
    hold: Hold, counts: Counts, broker: FakeBroker
) -> None:
    """Sold once, however often that is told."""
    await hold(ID, tea=3)
    await broker.deliver(OrderPlaced(order_id=ORDER))

    await broker.deliver(OrderPaid(order_id=ORDER), times=2)

    assert await counts("tea") == (10, 7, 0, 3, 0)
    assert (await hold(ID, tea=3)).held


async def test_units_of_a_refused_order_are_back(
    hold: Hold, counts: Counts, broker: FakeBroker
) -> None:
    """On the shelf, for the next buyer."""
    await hold(ID, tea=3)
    await broker.deliver(OrderPlaced(order_id=ORDER))

    await broker.deliver(OrderRefused(order_id=ORDER))

    assert await counts("tea") == (10, 10, 0, 0, 0)


async def test_returned_units_are_sold_and_on_the_shelf_again(
    hold: Hold, counts: Counts, broker: FakeBroker
) -> None:
    """The law: received = on hand + held + sold - returned."""
    await hold(ID, tea=3)
    await broker.deliver(OrderPlaced(order_id=ORDER))
    await broker.deliver(OrderPaid(order_id=ORDER))
    returned = UnitsReturned(order_id=ORDER, refund_id=uuid4(), sku="tea", quantity=2)

    await broker.deliver(returned, times=2)

    assert await counts("tea") == (10, 9, 0, 3, 2)


@pytest.mark.parametrize("sku", ["tea", "milk"])
async def test_no_more_comes_back_than_was_sold(
    hold: Hold, counts: Counts, broker: FakeBroker, sku: str
) -> None:
    """Units of nobody are parked for someone to look at."""
    await hold(ID, tea=3)
    await broker.deliver(OrderPlaced(order_id=ORDER))
    await broker.deliver(OrderPaid(order_id=ORDER))

    await broker.deliver(
        UnitsReturned(order_id=ORDER, refund_id=uuid4(), sku=sku, quantity=4)
    )

    assert len(broker.parked) == 1
    assert await counts("tea") == (10, 7, 0, 3, 0)


async def test_an_order_placed_after_its_hold_expired_counts(
    hold: Hold, counts: Counts, expire: Expire, broker: FakeBroker
) -> None:
    """Its units are taken again, from an empty shelf too: they are owed."""
    await hold(ID, tea=3)
    await expire()
    await hold("another", tea=9)

    await broker.deliver(OrderPlaced(order_id=ORDER))

    assert broker.parked == []
    assert await counts("tea") == (10, -2, 12, 0, 0)
    assert not (await hold("third", tea=1)).held


async def test_a_paid_order_is_never_refused(
    hold: Hold, counts: Counts, broker: FakeBroker
) -> None:
    """What cannot be is parked, and the units stay sold."""
    await hold(ID, tea=3)
    await broker.deliver(OrderPlaced(order_id=ORDER))
    await broker.deliver(OrderPaid(order_id=ORDER))

    await broker.deliver(OrderRefused(order_id=ORDER))

    assert len(broker.parked) == 1
    assert await counts("tea") == (10, 7, 0, 3, 0)


@pytest.mark.parametrize(
    ("decision", "expected"),
    [(OrderPaid, (10, 7, 0, 3, 0)), (OrderRefused, (10, 10, 0, 0, 0))],
)
async def test_a_decision_heard_before_the_order_was_placed_stands(
    hold: Hold,
    counts: Counts,
    broker: FakeBroker,
    decision: type[OrderPaid] | type[OrderRefused],
    expected: tuple[int, ...],
) -> None:
    """Topics are in order each by itself: not every broker orders across them."""
    await hold(ID, tea=3)
    await broker.deliver(decision(order_id=ORDER))

    await broker.deliver(OrderPlaced(order_id=ORDER))

    assert broker.parked == []
    assert await counts("tea") == expected


@pytest.mark.usefixtures("service")
async def test_orders_without_a_hold_are_passed_over(broker: FakeBroker) -> None:
    """Orders of before stock was there."""
    await broker.deliver(OrderPlaced(order_id=ORDER))
    await broker.deliver(OrderPaid(order_id=ORDER))
    await broker.deliver(OrderRefused(order_id=uuid4()))
    await broker.deliver(
        UnitsReturned(order_id=ORDER, refund_id=uuid4(), sku="tea", quantity=1)
    )

    assert (broker.handled, broker.parked) == (4, [])
