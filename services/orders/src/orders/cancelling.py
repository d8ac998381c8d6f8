"""How a cancellation is matched with purchases, kept and told."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from fleetwright.events import publish
from orders.events import RefundRequested
from orders.lifecycle import CANCELLABLE, RefundState
from orders.matching import Outcome, Purchase, Taken, Wanted, match
from orders.messages import Cancellation, CancellationLine, NewCancellation, Refund
from orders.tables import CancellationRow, OrderLineRow, OrderRow, RefundRow


async def cancelled_now(
    transaction: AsyncSession, new: NewCancellation
) -> Cancellation:
    """Match, keep the refunds and ask payments for them, all or nothing.

    What was bought and what was given back of it are read inside the transaction that
    writes the refunds: two cancellations at once cannot give back the same unit.

    Args:
        transaction: The transaction that also claimed the request's key.
        new: What the buyer gives back.

    Returns:
        What became of every line.
    """
    lines = [Wanted(line.sku, line.quantity) for line in new.lines]
    bought: list[Purchase] = []
    if new.customer_id is not None:
        skus = {line.sku for line in lines}
        bought = await purchases(transaction, new.customer_id, skus)
    outcomes = match(new.customer_id, lines, bought)

    refunds = [[(uuid4(), taken) for taken in it.taken] for it in outcomes]
    answer = Cancellation(
        id=uuid4(),
        reference=new.reference,
        lines=[_line(*pair) for pair in zip(outcomes, refunds, strict=True)],
    )
    transaction.add(
        CancellationRow(
            id=answer.id,
            reference=new.reference,
            customer_id=new.customer_id,
            created_at=datetime.now(UTC),
        )
    )
    await transaction.flush()  # the refunds point at it
    await _keep(transaction, answer.id, [pair for line in refunds for pair in line])
    return answer


async def purchases(
    transaction: AsyncSession, customer_id: str, skus: set[str]
) -> list[Purchase]:
    """Return what the customer bought under these codes, and what is left of it.

    Args:
        transaction: The transaction that will write the refunds.
        customer_id: Who bought.
        skus: Stock codes.

    Returns:
        One purchase an order line, in no order; lines given back whole have 0 left.
    """
    theirs = (OrderRow.customer_id == customer_id, OrderRow.state.in_(CANCELLABLE))
    # Two statements: a database with row locks (PostgreSQL) reads the refunds below as
    # they are after it has waited here for another cancellation of this customer.
    await transaction.execute(select(OrderRow.number).where(*theirs).with_for_update())
    given_back = (
        select(func.coalesce(func.sum(RefundRow.quantity), 0))
        .where(
            RefundRow.order_number == OrderLineRow.order_number,
            RefundRow.position == OrderLineRow.position,
            RefundRow.state != RefundState.REFUSED,
        )
        .scalar_subquery()
    )
    rows = await transaction.execute(
        select(
            OrderRow.id,
            OrderRow.number,
            OrderLineRow.position,
            OrderLineRow.sku,
            OrderLineRow.quantity - given_back,
            OrderLineRow.price_pence,
        )
        .join(OrderLineRow, OrderLineRow.order_number == OrderRow.number)
        .where(*theirs, OrderLineRow.sku.in_(skus))
    )
    return [Purchase(*row) for row in rows]


async def _keep(
    transaction: AsyncSession,
    cancellation_id: UUID,
    refunds: list[tuple[UUID, Taken]],
) -> None:
    if not refunds:
        return
    now = datetime.now(UTC)
    rows = [
        {
            "id": refund_id,
            "cancellation_id": cancellation_id,
            "order_number": taken.purchase.order_number,
            "position": taken.purchase.position,
            "quantity": taken.quantity,
            "amount_pence": taken.amount_pence,
            "state": RefundState.REQUESTED,
            "created_at": now,
        }
        for refund_id, taken in refunds
    ]
    await transaction.execute(insert(RefundRow), rows)
    for refund_id, taken in refunds:
        requested = RefundRequested(
            order_id=taken.purchase.order_id,
            refund_id=refund_id,
            amount_pence=taken.amount_pence,
        )
        publish(transaction, requested)


def _line(outcome: Outcome, refunds: list[tuple[UUID, Taken]]) -> CancellationLine:
    return CancellationLine(
        sku=outcome.wanted.sku,
        quantity=outcome.wanted.quantity,
        accepted=outcome.accepted,
        reason=outcome.reason,
        refunds=[
            Refund(
                id=refund_id,
                order_id=taken.purchase.order_id,
                quantity=taken.quantity,
                amount_pence=taken.amount_pence,
            )
            for refund_id, taken in refunds
        ],
    )
