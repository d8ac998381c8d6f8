"""How an order is priced, kept and told; and how it is read again."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from fleetwright import Problem
from fleetwright.events import publish
from orders.clients import Catalog, WantedQuotes
from orders.events import OrderPlaced
from orders.lifecycle import OrderState, RefundState
from orders.messages import (
    NewLine,
    NewOrder,
    Order,
    OrderLine,
    OrderRefund,
    OrderSummary,
)
from orders.pricing import PricedLine, askable, bad_lines, priced_lines, total_pence
from orders.tables import OrderLineRow, OrderRow, RefundRow


async def priced(lines: Sequence[NewLine], catalog: Catalog) -> list[PricedLine]:
    """Return the lines with the catalog's names and prices, by at most one call.

    Args:
        lines: The order as the buyer wrote it.
        catalog: Who knows the prices.

    Raises:
        Problem: 422 `bad_lines`, with every line that cannot be bought.
        Unavailable: The catalog did not answer in time, or is down.
    """
    skus = askable(lines)
    quotes = (await catalog.quotes(WantedQuotes(skus=skus))).quotes if skus else []
    prices = {quote.sku: quote for quote in quotes}
    bad = bad_lines(lines, prices)
    if bad:
        raise Problem(
            422,
            "Some lines cannot be bought",
            detail=f"{len(bad)} of {len(lines)} lines; nothing was ordered.",
            kind="bad_lines",
            lines=[asdict(line) for line in bad],
        )
    return priced_lines(lines, prices)


async def placed_now(
    transaction: AsyncSession,
    order_id: UUID,
    new: NewOrder,
    lines: Sequence[PricedLine],
) -> Order:
    """Keep the order and tell the fleet, both or neither.

    Args:
        transaction: The transaction that also claimed the request's key.
        order_id: What its units are held under.
        new: What the buyer asked for.
        lines: Its lines with their prices.

    Returns:
        The accepted order; the one that was accepted before where its key is so old
        that the answer is forgotten.
    """
    if (before := await found(transaction, order_id)) is not None:
        return before
    row = OrderRow(
        id=order_id,
        reference=new.reference,
        customer_id=new.customer_id,
        country=new.country,
        state=OrderState.ACCEPTED,
        total_pence=total_pence(lines),
        created_at=datetime.now(UTC),
    )
    transaction.add(row)
    await transaction.flush()  # the lines need its number
    await transaction.execute(
        insert(OrderLineRow),
        [
            {"order_number": row.number, "position": position} | asdict(line)
            for position, line in enumerate(lines)
        ],
    )
    placed = OrderPlaced(
        order_id=row.id,
        reference=row.reference,
        customer_id=row.customer_id,
        total_pence=row.total_pence,
    )
    publish(transaction, placed)
    kept = [OrderLine(**asdict(line)) for line in lines]
    return Order(**summary(row).model_dump(), lines=kept, refunds=[])


async def found(session: AsyncSession, order_id: UUID) -> Order | None:
    """Return the order with its lines and refunds, or None for an unknown id.

    Args:
        session: Where to read.
        order_id: Which order.
    """
    row = await session.scalar(select(OrderRow).where(OrderRow.id == order_id))
    return None if row is None else await whole_order(session, row)


async def whole_order(session: AsyncSession, row: OrderRow) -> Order:
    """Return the order kept in `row`, by two reads more, however long it is.

    Args:
        session: Where to read.
        row: The order's own row.
    """
    lines = await session.scalars(
        select(OrderLineRow)
        .where(OrderLineRow.order_number == row.number)
        .order_by(OrderLineRow.position)
    )
    kept = list(lines)
    refunds = await session.scalars(
        select(RefundRow)
        .where(RefundRow.order_number == row.number)
        .order_by(RefundRow.created_at, RefundRow.position)
    )
    sku_at = {line.position: line.sku for line in kept}
    return Order(
        **summary(row).model_dump(),
        lines=[
            OrderLine(
                sku=line.sku,
                name=line.name,
                quantity=line.quantity,
                price_pence=line.price_pence,
            )
            for line in kept
        ],
        refunds=[_refund(refund, sku_at[refund.position]) for refund in refunds],
    )


def summary(row: OrderRow) -> OrderSummary:
    """Return the order kept in `row`, without its lines."""
    return OrderSummary(
        id=row.id,
        reference=row.reference,
        customer_id=row.customer_id,
        country=row.country,
        status=OrderState(row.state),
        total_pence=row.total_pence,
        refused_because=row.refused_because,
        created_at=row.created_at,
    )


def _refund(row: RefundRow, sku: str) -> OrderRefund:
    return OrderRefund(
        id=row.id,
        sku=sku,
        quantity=row.quantity,
        amount_pence=row.amount_pence,
        status=RefundState(row.state),
        refused_because=row.refused_because,
    )
