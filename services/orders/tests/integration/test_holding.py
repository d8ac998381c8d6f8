"""Holding the units of an order before it is accepted."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from uuid import UUID

from fastapi import FastAPI
from httpx2 import AsyncClient, Response
from sqlalchemy import text

from fleetwright import Unavailable
from fleetwright.database import AsyncDatabase
from fleetwright.testing import FakeBroker, service_of
from orders.events import (
    OrderPaid,
    OrderRefused,
    PaymentCaptured,
    PaymentDeclined,
    PaymentRefunded,
    UnitsReturned,
)

Place = Callable[..., Awaitable[Response]]
Holds = dict[str, Counter[str]]
AWAY = Unavailable("nobody there", reason="connect", provider="stock")


async def test_an_accepted_order_is_held_under_its_id(
    place: Place, holds: Holds
) -> None:
    """All its lines, by the one call."""
    lines = [{"sku": "71053", "quantity": 6}, {"sku": "71053", "quantity": 1}]

    order = (await place(lines=lines)).json()

    assert holds == {order["id"]: Counter({"71053": 7})}


async def test_a_sold_out_order_is_refused_and_not_announced(
    place: Place, units: dict[str, int], orders: AsyncClient, broker: FakeBroker
) -> None:
    """It leaves no row, no event and a problem that says what is missing."""
    units["71053"] = 5

    answer = await place()

    problem = answer.json()
    assert (answer.status_code, problem["title"]) == (409, "Out of stock")
    assert problem["kind"] == "out_of_stock"
    assert problem["missing"] == [{"sku": "71053", "wanted": 6, "on_hand": 5}]
    assert (await orders.get("/v1/orders")).json()["total"] == 0
    assert broker.published == []


async def test_a_refused_order_can_be_placed_for_less_under_its_key(
    place: Place, units: dict[str, int]
) -> None:
    """Nothing was done under it."""
    units["71053"] = 5
    await place(key="k-1")

    answer = await place(key="k-1", lines=[{"sku": "71053", "quantity": 5}])

    assert answer.status_code == 201


async def test_without_stock_no_order_is_taken(
    place: Place, stock_trouble: list[Exception], orders: AsyncClient
) -> None:
    """It is told as 503, and the order can be sent again."""
    stock_trouble.append(AWAY)

    answer = await place(key="k-1")
    stock_trouble.clear()
    again = await place(key="k-1")

    assert (answer.status_code, answer.json()["kind"]) == (503, "unavailable")
    assert again.status_code == 201
    assert (await orders.get("/v1/orders")).json()["total"] == 1


async def test_a_request_sent_again_holds_once(
    place: Place, holds: Holds, orders: AsyncClient
) -> None:
    """Twins hold before either is kept: the key decides the id for both."""
    await asyncio.gather(*(place(key=key) for key in ("k-1", "k-1", "k-1", "k-2")))

    assert len(holds) == 2
    assert (await orders.get("/v1/orders")).json()["total"] == 2


async def test_a_key_older_than_its_answer_places_no_second_order(
    place: Place, app: FastAPI, orders: AsyncClient, broker: FakeBroker
) -> None:
    """Kept answers are forgotten after a day; the order's id is not."""
    first = (await place(key="k-1")).json()
    database = service_of(app).find(AsyncDatabase)
    async with database.transaction() as transaction:
        await transaction.execute(text("delete from fleet_kept_answers"))

    again = (await place(key="k-1")).json()

    assert again == first
    assert (await orders.get("/v1/orders")).json()["total"] == 1
    assert len(broker.published) == 1


async def test_other_lines_under_a_key_that_held_are_refused(
    place: Place, holds: Holds
) -> None:
    """Also where the order itself was never kept."""
    order_id = (await place(key="k-1")).json()["id"]
    holds[order_id] = Counter({"85123A": 1})

    answer = await place(key="k-1", lines=[{"sku": "71053", "quantity": 1}])

    assert (answer.status_code, answer.json()["kind"]) == (
        422,
        "idempotency_key_reused",
    )


async def test_the_fleet_is_told_when_an_order_is_paid(
    place: Place, broker: FakeBroker
) -> None:
    """Once, however often payments says it."""
    order_id = UUID((await place()).json()["id"])

    await broker.deliver(PaymentCaptured(order_id=order_id), times=2)

    assert broker.published[1:] == [OrderPaid(order_id=order_id)]


async def test_the_fleet_is_told_when_an_order_is_refused(
    place: Place, broker: FakeBroker
) -> None:
    """Its units are free again."""
    order_id = UUID((await place()).json()["id"])

    await broker.deliver(PaymentDeclined(order_id=order_id, reason="No cover."))

    assert broker.published[1:] == [OrderRefused(order_id=order_id)]


async def test_the_fleet_is_told_which_units_came_back(
    place: Place, cancel: Place, broker: FakeBroker
) -> None:
    """When their money went back, not before."""
    order_id = UUID((await place()).json()["id"])
    await broker.deliver(PaymentCaptured(order_id=order_id))
    [refund] = (await cancel()).json()["lines"][0]["refunds"]
    refund_id = UUID(refund["id"])

    await broker.deliver(PaymentRefunded(order_id=order_id, refund_id=refund_id))

    returned = UnitsReturned(
        order_id=order_id, refund_id=refund_id, sku="71053", quantity=2
    )
    assert broker.published[-1] == returned
