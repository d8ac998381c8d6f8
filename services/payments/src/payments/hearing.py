"""What payments does when it hears of an order or of a refund.

The handlers run inside the consumer's transaction, the bank's answer included: whoever
asks the bank holds the order's charge, so no two answers cross. On SQLite that is the
one write lock of the database, which is why `bank_slow_seconds` is small.
"""

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from fleetwright.errors import FleetwrightError
from fleetwright.events import Redelivery, Subscriptions
from payments.charging import (
    charge_key,
    charge_of,
    charged,
    refund_key,
    refund_refused,
    refunded,
    refusal,
)
from payments.clients import BankClient
from payments.events import OrderPlaced, RefundRequested
from payments.messages import NewCharge
from payments.tables import RefundRow

log = structlog.get_logger()


class ChargeMissingError(FleetwrightError):
    """A refund was heard of before the charge of its order: it is heard again later."""


def hearing(bank: BankClient) -> Subscriptions:
    """Return what payments listens to.

    Args:
        bank: Who is asked for money.

    Returns:
        One subscription to placed orders and one to requested refunds.
    """
    subscriptions = Subscriptions()

    @subscriptions.on(OrderPlaced, redelivery=Redelivery(attempts=8))
    async def charge(order: OrderPlaced, transaction: AsyncSession) -> None:
        await charge_order(order, transaction, bank)

    @subscriptions.on(RefundRequested, redelivery=Redelivery(attempts=8))
    async def refund(request: RefundRequested, transaction: AsyncSession) -> None:
        await refund_order(request, transaction, bank)

    return subscriptions


async def charge_order(
    order: OrderPlaced, transaction: AsyncSession, bank: BankClient
) -> None:
    """Charge a placed order, unless it was charged before.

    Args:
        order: What was placed.
        transaction: The transaction that records the delivery.
        bank: Who takes the money.

    Raises:
        Unavailable: The bank did not answer; the event is delivered again.
    """
    if await charge_of(transaction, order.order_id) is not None:
        log.info("charge.repeated", order_id=str(order.order_id))
        return
    new = NewCharge(
        order_id=order.order_id,
        reference=order.reference,
        customer_id=order.customer_id,
        amount_pence=order.total_pence,
    )
    declined_because = await bank.charge(charge_key(order.order_id), order.reference)
    charged(transaction, new, declined_because)


async def refund_order(
    request: RefundRequested, transaction: AsyncSession, bank: BankClient
) -> None:
    """Give money back, or say why not.

    Args:
        request: What shall go back.
        transaction: The transaction that records the delivery.
        bank: Who gives the money back.

    Raises:
        ChargeMissingError: The order's charge is not known yet.
        Unavailable: The bank did not answer; the event is delivered again.
    """
    if await transaction.get(RefundRow, request.refund_id) is not None:
        log.info("refund.repeated", refund_id=str(request.refund_id))
        return
    charge = await charge_of(transaction, request.order_id)
    if charge is None:
        raise ChargeMissingError(
            f"a refund of the order {request.order_id} came before its charge",
            where="payments/hearing.py",
            hint="it is delivered again by itself; if it stays, look for the order's "
            "parked `orders.placed`",
        )
    amount_pence = request.amount_pence
    if (kind := refusal(charge, amount_pence)) is not None:
        refund_refused(transaction, charge, request.refund_id, amount_pence, kind)
        return
    await bank.refund(refund_key(request.refund_id))
    refunded(transaction, charge, request.refund_id, amount_pence)
