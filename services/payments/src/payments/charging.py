"""How an order is charged and how money goes back: kept and told, both or neither."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from fleetwright.events import publish
from payments.events import (
    PaymentCaptured,
    PaymentDeclined,
    PaymentRefunded,
    RefundDeclined,
)
from payments.messages import NewCharge
from payments.money import (
    REFUSALS,
    ChargeState,
    RefundState,
    RefusalKind,
    refund_refusal,
)
from payments.tables import ChargeRow, RefundRow


def charge_key(order_id: UUID) -> str:
    """Return the key the bank knows an order's charge by: one order, one charge."""
    return f"charge-{order_id}"


def refund_key(refund_id: UUID) -> str:
    """Return the key the bank knows a refund by."""
    return f"refund-{refund_id}"


async def charge_of(session: AsyncSession, order_id: UUID) -> ChargeRow | None:
    """Return the order's charge, locked where rows can be, or None.

    Args:
        session: Where to read.
        order_id: Which order.
    """
    wanted = select(ChargeRow).where(ChargeRow.order_id == order_id)
    return await session.scalar(wanted.with_for_update())


def charged(
    transaction: AsyncSession, new: NewCharge, declined_because: str | None
) -> ChargeRow:
    """Keep what the bank said and tell the fleet.

    Args:
        transaction: The transaction that also read that the order has no charge.
        new: What was charged.
        declined_because: Why the bank declined, or None when it took the money.

    Returns:
        The charge.
    """
    state = ChargeState.CAPTURED if declined_because is None else ChargeState.DECLINED
    charge = ChargeRow(
        id=uuid4(),
        order_id=new.order_id,
        reference=new.reference,
        customer_id=new.customer_id,
        amount_pence=new.amount_pence,
        refunded_pence=0,
        state=state,
        declined_because=declined_because,
        created_at=datetime.now(UTC),
    )
    transaction.add(charge)
    if declined_because is None:
        captured = PaymentCaptured(
            order_id=charge.order_id,
            charge_id=charge.id,
            reference=charge.reference,
            customer_id=charge.customer_id,
            amount_pence=charge.amount_pence,
        )
        publish(transaction, captured)
    else:
        declined = PaymentDeclined(
            order_id=charge.order_id,
            charge_id=charge.id,
            reference=charge.reference,
            customer_id=charge.customer_id,
            amount_pence=charge.amount_pence,
            reason=declined_because,
        )
        publish(transaction, declined)
    return charge


def refusal(charge: ChargeRow, amount_pence: int) -> RefusalKind | None:
    """Return why an amount may not go back from this charge, or None when it may.

    Args:
        charge: The charge, read in the transaction that will change it.
        amount_pence: What shall go back, in pence.
    """
    return refund_refusal(
        ChargeState(charge.state),
        charged_pence=charge.amount_pence,
        refunded_pence=charge.refunded_pence,
        amount_pence=amount_pence,
    )


def refunded(
    transaction: AsyncSession, charge: ChargeRow, refund_id: UUID, amount_pence: int
) -> RefundRow:
    """Keep that money went back and tell the fleet.

    Args:
        transaction: The transaction that also read the charge.
        charge: Where the money came from.
        refund_id: The refund's id.
        amount_pence: What went back, in pence.

    Returns:
        The refund.
    """
    charge.refunded_pence += amount_pence
    refund = _refund(charge, refund_id, amount_pence, RefundState.REFUNDED)
    transaction.add(refund)
    told = PaymentRefunded(
        order_id=charge.order_id,
        refund_id=refund_id,
        reference=charge.reference,
        customer_id=charge.customer_id,
        amount_pence=amount_pence,
    )
    publish(transaction, told)
    return refund


def refund_refused(
    transaction: AsyncSession,
    charge: ChargeRow,
    refund_id: UUID,
    amount_pence: int,
    kind: RefusalKind,
) -> None:
    """Keep that money did not go back and tell the fleet why.

    Args:
        transaction: The transaction that also read the charge.
        charge: Where the money should have come from.
        refund_id: The refund's id.
        amount_pence: What should have gone back, in pence.
        kind: Why it did not.
    """
    refund = _refund(charge, refund_id, amount_pence, RefundState.REFUSED)
    refund.refused_because = REFUSALS[kind]
    transaction.add(refund)
    told = RefundDeclined(
        order_id=charge.order_id,
        refund_id=refund_id,
        amount_pence=amount_pence,
        reason=REFUSALS[kind],
    )
    publish(transaction, told)


def _refund(
    charge: ChargeRow, refund_id: UUID, amount_pence: int, state: RefundState
) -> RefundRow:
    return RefundRow(
        id=refund_id,
        charge_id=charge.id,
        amount_pence=amount_pence,
        state=state,
        created_at=datetime.now(UTC),
    )
