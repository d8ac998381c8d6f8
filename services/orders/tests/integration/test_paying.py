"""What becomes of an order when payments has spoken."""

from collections.abc import Awaitable, Callable
from uuid import UUID, uuid4

from httpx2 import AsyncClient, Response

from fleetwright.testing import FakeBroker
from orders.events import (
    PaymentCaptured,
    PaymentDeclined,
    PaymentRefunded,
    RefundDeclined,
)

Place = Callable[..., Awaitable[Response]]


async def test_a_captured_payment_delivered_twice_pays_once(
    place: Place, orders: AsyncClient, broker: FakeBroker
) -> None:
    """The second delivery of one event is acknowledged and changes nothing."""
    order_id = (await place()).json()["id"]

    await broker.deliver(PaymentCaptured(order_id=UUID(order_id)), times=2)

    assert (await orders.get(f"/v1/orders/{order_id}")).json()["status"] == "paid"
    assert (broker.handled, broker.parked) == (1, [])


async def test_a_declined_payment_refuses_the_order(
    place: Place, orders: AsyncClient, broker: FakeBroker
) -> None:
    """The order keeps the reason for people to read."""
    order_id = (await place()).json()["id"]

    await broker.deliver(PaymentDeclined(order_id=UUID(order_id), reason="No cover."))

    order = (await orders.get(f"/v1/orders/{order_id}")).json()
    assert (order["status"], order["refused_because"]) == ("refused", "No cover.")


async def test_a_paid_order_is_never_refused(
    place: Place, orders: AsyncClient, broker: FakeBroker
) -> None:
    """A payment declined after it was captured is parked for someone to look at."""
    order_id = (await place()).json()["id"]
    await broker.deliver(PaymentCaptured(order_id=UUID(order_id)))

    await broker.deliver(PaymentDeclined(order_id=UUID(order_id), reason="Odd."))

    assert (await orders.get(f"/v1/orders/{order_id}")).json()["status"] == "paid"
    assert len(broker.parked) == 1


async def test_payments_of_unknown_orders_and_refunds_are_passed_over(
    orders: AsyncClient, broker: FakeBroker
) -> None:
    """Charges made by hand in payments are none of our business."""
    await broker.deliver(PaymentCaptured(order_id=uuid4()))
    await broker.deliver(PaymentRefunded(order_id=uuid4(), refund_id=uuid4()))

    assert (broker.handled, broker.parked) == (2, [])


async def test_a_refund_paid_out_is_seen_at_its_order(
    place: Place, cancel: Place, orders: AsyncClient, broker: FakeBroker
) -> None:
    """The refund moves from requested to refunded."""
    order_id = (await place()).json()["id"]
    [refund] = (await cancel()).json()["lines"][0]["refunds"]

    await broker.deliver(
        PaymentRefunded(order_id=UUID(order_id), refund_id=UUID(refund["id"]))
    )

    [seen] = (await orders.get(f"/v1/orders/{order_id}")).json()["refunds"]
    assert (seen["id"], seen["status"]) == (refund["id"], "refunded")
    assert (seen["sku"], seen["quantity"], seen["amount_pence"]) == ("71053", 2, 678)


async def test_units_of_a_refused_refund_can_be_given_back_again(
    place: Place, cancel: Place, broker: FakeBroker
) -> None:
    """What payments did not pay out counts as bought."""
    order_id = (await place()).json()["id"]
    six = [{"sku": "71053", "quantity": 6}]
    [refund] = (await cancel(lines=six)).json()["lines"][0]["refunds"]
    assert (await cancel()).json()["lines"][0]["reason"] == "more_than_bought"

    await broker.deliver(
        RefundDeclined(
            order_id=UUID(order_id), refund_id=UUID(refund["id"]), reason="No."
        )
    )

    assert (await cancel(lines=six)).json()["lines"][0]["accepted"] is True
