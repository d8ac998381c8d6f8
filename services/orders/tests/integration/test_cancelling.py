"""Giving bought things back."""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID

from httpx2 import AsyncClient, Response

from fleetwright.testing import FakeBroker
from orders.events import PaymentDeclined, RefundRequested

Place = Callable[..., Awaitable[Response]]


async def test_units_come_back_at_the_price_they_were_bought_at(
    place: Place, cancel: Place, prices: dict[str, int], broker: FakeBroker
) -> None:
    """Whatever they cost now; payments is asked for exactly that."""
    order_id = (await place()).json()["id"]
    prices["71053"] = 1

    answer = await cancel()

    [line] = answer.json()["lines"]
    [refund] = line["refunds"]
    assert (answer.status_code, line["accepted"], line["reason"]) == (201, True, None)
    assert (refund["order_id"], refund["amount_pence"]) == (order_id, 2 * 339)
    assert broker.published[1:] == [
        RefundRequested(
            order_id=UUID(order_id),
            refund_id=UUID(refund["id"]),
            amount_pence=2 * 339,
        )
    ]


async def test_older_orders_are_given_back_first(place: Place, cancel: Place) -> None:
    """A line that needs two orders takes all of the older and the rest of the newer."""
    ids = [(await place()).json()["id"] for _ in range(2)]

    answer = await cancel(lines=[{"sku": "71053", "quantity": 8}])

    refunds = answer.json()["lines"][0]["refunds"]
    assert [(it["order_id"], it["quantity"]) for it in refunds] == [
        (ids[0], 6),
        (ids[1], 2),
    ]


async def test_every_line_that_is_not_taken_back_says_why(
    place: Place, cancel: Place, broker: FakeBroker
) -> None:
    """Lines stand for themselves: a refused one does not keep others from passing."""
    await place()
    asked = [("POST", 1), ("85123A", 1), ("71053", 7), ("71053", 6), ("71053", 1)]
    lines = [{"sku": sku, "quantity": quantity} for sku, quantity in asked]

    answer = await cancel(lines=lines)

    assert [line["reason"] for line in answer.json()["lines"]] == [
        "odd_code",
        "no_matching_purchase",
        "more_than_bought",
        None,
        "more_than_bought",
    ]
    assert len(broker.published) == 2


async def test_nobody_gives_back_what_another_bought(
    place: Place, cancel: Place
) -> None:
    """The customer must be the same; without one nothing is taken back."""
    await place()
    await place(customer_id=None)

    other = await cancel(customer_id="1")
    nobody = await cancel(customer_id=None)

    assert other.json()["lines"][0]["reason"] == "no_matching_purchase"
    assert nobody.json()["lines"][0]["reason"] == "no_customer"


async def test_nothing_comes_back_of_a_refused_order(
    place: Place, cancel: Place, broker: FakeBroker
) -> None:
    """What was never paid for cannot be given back."""
    order_id = (await place()).json()["id"]
    await broker.deliver(PaymentDeclined(order_id=UUID(order_id), reason="No cover."))

    answer = await cancel()

    assert answer.json()["lines"][0]["reason"] == "no_matching_purchase"


async def test_cancellations_at_once_give_no_unit_back_twice(
    place: Place, cancel: Place, broker: FakeBroker
) -> None:
    """Of ten for two units each of six, three pass."""
    await place()

    answers = await asyncio.gather(*(cancel() for _ in range(10)))

    passed = [answer.json()["lines"][0]["accepted"] for answer in answers]
    assert passed.count(True) == 3
    assert len(broker.published) == 1 + 3


async def test_a_repeated_cancellation_is_answered_alike(
    place: Place, cancel: Place, orders: AsyncClient, broker: FakeBroker
) -> None:
    """The same key gives back once."""
    order_id = (await place()).json()["id"]
    first = await cancel(key="c-1")

    second = await cancel(key="c-1")

    assert (first.status_code, second.status_code) == (201, 200)
    assert second.headers["Idempotency-Replayed"] == "true"
    assert second.json() == first.json()
    refunds = (await orders.get(f"/v1/orders/{order_id}")).json()["refunds"]
    assert (len(refunds), len(broker.published)) == (1, 2)


async def test_another_cancellation_under_a_used_key_is_refused(cancel: Place) -> None:
    """A key names one request for ever."""
    await cancel(key="c-1")

    answer = await cancel(key="c-1", reference="C2")

    assert (answer.status_code, answer.json()["kind"]) == (
        422,
        "idempotency_key_reused",
    )


async def test_a_cancelled_line_gives_at_least_one_unit(cancel: Place) -> None:
    """Zero and fewer units are an invalid request, not a reason."""
    answer = await cancel(lines=[{"sku": "71053", "quantity": 0}])

    assert (answer.status_code, answer.json()["kind"]) == (422, "invalid_request")
