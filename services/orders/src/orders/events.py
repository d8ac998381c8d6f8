"""The events orders publishes and hears."""

from uuid import UUID

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from fleetwright.events import Event, Redelivery, Subscriptions, publish
from orders.lifecycle import OrderState, RefundState, moved_order, moved_refund
from orders.tables import OrderLineRow, OrderRow, RefundRow

log = structlog.get_logger()
subscriptions = Subscriptions()


class OrderPlaced(Event, topic="orders.placed", version=1):
    """An order was accepted and waits for its payment."""

    order_id: UUID
    reference: str
    customer_id: str | None
    total_pence: int


class OrderPaid(Event, topic="orders.paid", version=1):
    """The money of an order was taken: its units are the buyer's."""

    order_id: UUID


class OrderRefused(Event, topic="orders.refused", version=1):
    """The money of an order could not be taken: its units are free again."""

    order_id: UUID


class UnitsReturned(Event, topic="orders.returned", version=1):
    """Units of a paid order came back, and their money went back."""

    order_id: UUID
    refund_id: UUID
    sku: str
    quantity: int


class RefundRequested(Event, topic="orders.refund_requested", version=1):
    """Units of an order were given back; their money shall follow."""

    order_id: UUID
    refund_id: UUID
    amount_pence: int


class PaymentCaptured(Event, topic="payments.captured", version=1):
    """The fields of a captured payment that orders reads."""

    order_id: UUID


class PaymentDeclined(Event, topic="payments.declined", version=1):
    """The fields of a declined payment that orders reads."""

    order_id: UUID
    reason: str


class PaymentRefunded(Event, topic="payments.refunded", version=1):
    """The fields of a refund paid out that orders reads."""

    order_id: UUID
    refund_id: UUID


class RefundDeclined(Event, topic="payments.refund_declined", version=1):
    """The fields of a refused refund that orders reads."""

    order_id: UUID
    refund_id: UUID
    reason: str


@subscriptions.on(PaymentCaptured, redelivery=Redelivery(attempts=8))
async def mark_paid(payment: PaymentCaptured, transaction: AsyncSession) -> None:
    """Mark the order paid and tell the fleet, once, as the delivery is recorded.

    Raises:
        TransitionError: The order was refused before.
    """
    if (order := await _order(transaction, payment.order_id)) is not None:
        order.state = moved_order(OrderState(order.state), OrderState.PAID)
        publish(transaction, OrderPaid(order_id=order.id))


@subscriptions.on(PaymentDeclined, redelivery=Redelivery(attempts=8))
async def mark_refused(payment: PaymentDeclined, transaction: AsyncSession) -> None:
    """Mark the order refused, keep the reason and tell the fleet.

    Raises:
        TransitionError: The order was paid before.
    """
    if (order := await _order(transaction, payment.order_id)) is not None:
        order.state = moved_order(OrderState(order.state), OrderState.REFUSED)
        order.refused_because = payment.reason[:200]
        publish(transaction, OrderRefused(order_id=order.id))


@subscriptions.on(PaymentRefunded, redelivery=Redelivery(attempts=8))
async def mark_refunded(payment: PaymentRefunded, transaction: AsyncSession) -> None:
    """Mark the refund paid out and tell the fleet which units came back.

    Raises:
        TransitionError: The refund was refused before.
    """
    if (refund := await _refund(transaction, payment.refund_id)) is not None:
        refund.state = moved_refund(RefundState(refund.state), RefundState.REFUNDED)
        line = await transaction.get_one(
            OrderLineRow, (refund.order_number, refund.position)
        )
        returned = UnitsReturned(
            order_id=payment.order_id,
            refund_id=refund.id,
            sku=line.sku,
            quantity=refund.quantity,
        )
        publish(transaction, returned)


@subscriptions.on(RefundDeclined, redelivery=Redelivery(attempts=8))
async def mark_refund_refused(
    payment: RefundDeclined, transaction: AsyncSession
) -> None:
    """Mark the refund refused: its units count as bought again.

    Raises:
        TransitionError: The refund was paid out before.
    """
    if (refund := await _refund(transaction, payment.refund_id)) is not None:
        refund.state = moved_refund(RefundState(refund.state), RefundState.REFUSED)
        refund.refused_because = payment.reason[:200]


# An order or refund unknown here is nobody's fault: payments also takes charges and
# refunds over HTTP, of which orders was never asked. Nothing is kept, one line says so.


async def _order(transaction: AsyncSession, order_id: UUID) -> OrderRow | None:
    wanted = select(OrderRow).where(OrderRow.id == order_id).with_for_update()
    order = await transaction.scalar(wanted)
    if order is None:
        log.warning("payment.ignored", order_id=str(order_id), why="unknown order")
    return order


async def _refund(transaction: AsyncSession, refund_id: UUID) -> RefundRow | None:
    refund = await transaction.get(RefundRow, refund_id, with_for_update=True)
    if refund is None:
        log.warning("payment.ignored", refund_id=str(refund_id), why="unknown refund")
    return refund
