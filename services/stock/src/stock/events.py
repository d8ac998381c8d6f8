"""The events stock hears: what becomes of the orders it holds units for."""

from datetime import UTC, datetime
from uuid import UUID

import structlog
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from fleetwright.events import Event, Redelivery, Subscriptions
from stock import shelf
from stock.lifecycle import DECIDED, HoldState, TransitionError
from stock.tables import HoldLineRow, HoldRow, ReturnRow

log = structlog.get_logger()
subscriptions = Subscriptions()


class OrderPlaced(Event, topic="orders.placed", version=1):
    """The fields of a placed order that stock reads; its id names the hold."""

    order_id: UUID


class OrderPaid(Event, topic="orders.paid", version=1):
    """The fields of a paid order that stock reads."""

    order_id: UUID


class OrderRefused(Event, topic="orders.refused", version=1):
    """The fields of a refused order that stock reads."""

    order_id: UUID


class UnitsReturned(Event, topic="orders.returned", version=1):
    """The fields of returned units that stock reads."""

    order_id: UUID
    refund_id: UUID
    sku: str
    quantity: int


@subscriptions.on(OrderPlaced, redelivery=Redelivery(attempts=8))
async def keep_held(order: OrderPlaced, transaction: AsyncSession) -> None:
    """Hold the units until the order is paid or refused.

    Where the hold has ended meanwhile its units are taken again, even from an empty
    shelf: the order was accepted, so they are owed. Where what became of the order
    was heard first, it stands: events of one order come in order within a topic only.
    """
    row = await _hold(transaction, order.order_id)
    if row is None or row.state in DECIDED:
        return
    counts = await shelf.move(transaction, [row], HoldState.PLACED)
    owed = sorted(sku for sku, count in counts.items() if count.on_hand < 0)
    if owed:
        log.warning("stock.oversold", hold_id=row.id, skus=owed[:20])


@subscriptions.on(OrderPaid, redelivery=Redelivery(attempts=8))
async def mark_sold(order: OrderPaid, transaction: AsyncSession) -> None:
    """Count the units of a paid order as sold."""
    if (row := await _hold(transaction, order.order_id)) is not None:
        await shelf.move(transaction, [row], HoldState.SOLD)


@subscriptions.on(OrderRefused, redelivery=Redelivery(attempts=8))
async def put_back(order: OrderRefused, transaction: AsyncSession) -> None:
    """Put the units of a refused order back on the shelf."""
    if (row := await _hold(transaction, order.order_id)) is not None:
        await shelf.move(transaction, [row], HoldState.REFUSED)


@subscriptions.on(UnitsReturned, redelivery=Redelivery(attempts=8))
async def take_back(units: UnitsReturned, transaction: AsyncSession) -> None:
    """Put units that came back on the shelf.

    Raises:
        TransitionError: They were not sold with this order, or came back before.
    """
    if (row := await _hold(transaction, units.order_id)) is None:
        return
    key = (row.id, units.sku)
    line = await transaction.get(HoldLineRow, key)
    before = await transaction.scalar(
        select(func.coalesce(func.sum(ReturnRow.quantity), 0)).where(
            ReturnRow.hold_id == row.id, ReturnRow.sku == units.sku
        )
    )
    left = 0 if line is None else line.quantity - (before or 0)
    if row.state != HoldState.SOLD or units.quantity > left:
        raise TransitionError(
            f"{units.quantity} units of {units.sku} came back, {left} can",
            where=f"hold {row.id}, {row.state}",
            hint="compare the refunds of this order in orders with what stock counted",
        )
    transaction.add(
        ReturnRow(
            id=str(units.refund_id),
            hold_id=row.id,
            sku=units.sku,
            quantity=units.quantity,
            returned_at=datetime.now(UTC),
        )
    )
    count = (await shelf.counted(transaction, [units.sku]))[units.sku]
    count.on_hand += units.quantity
    count.returned += units.quantity


async def _hold(transaction: AsyncSession, order_id: UUID) -> HoldRow | None:
    """Return the hold of an order; None, with a line in the log, when it has none."""
    row = await shelf.find_hold(transaction, str(order_id))
    if row is None:
        # Orders of before stock was there, and those placed by hand in tests.
        log.warning("order.not_held", order_id=str(order_id))
    return row
