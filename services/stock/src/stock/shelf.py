"""Units on the shelf, in holds and sold: every change of a count is made here."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import insert, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from fleetwright import Problem
from stock.lifecycle import PLACES, HoldState, moved
from stock.tables import CountRow, DeliveryRow, HoldLineRow, HoldRow, ReceiptRow, Tables

OPENING = "opening"  # the delivery that brings what was on the shelf from the start
_ON_THE_SHELF = (HoldState.RELEASED, HoldState.EXPIRED)


@dataclass(frozen=True, slots=True)
class Terms:
    """On which terms units are held.

    Attributes:
        opening_units: What is on the shelf of a product nobody has counted in yet.
        hold_seconds: How long for, in seconds, unless the order is placed.
    """

    opening_units: int
    hold_seconds: float


@dataclass(frozen=True, slots=True)
class Shortage:
    """A product there is too little of."""

    sku: str
    wanted: int
    on_hand: int


async def hold(
    transaction: AsyncSession,
    hold_id: str,
    lines: Mapping[str, int],
    *,
    terms: Terms,
    now: datetime,
) -> list[Shortage]:
    """Take units from the shelf, all or none; asked again, answer the same.

    Args:
        transaction: Where to count.
        hold_id: Names the hold for ever.
        lines: Units by stock code.
        terms: On which terms.
        now: The time.

    Returns:
        What there is too little of; empty when everything is held.

    Raises:
        Problem: 409, the id was given to other lines.
        LookupError: The hold went while it was made.
    """
    until = now + timedelta(seconds=terms.hold_seconds)
    # As one that has expired it takes no units: whoever comes at the same moment with
    # the same id waits here, and then finds it.
    new = {"id": hold_id, "state": HoldState.EXPIRED, "created_at": now}
    made = await _added(transaction, HoldRow, [new | {"expires_at": until}])
    row = await find_hold(transaction, hold_id)
    if row is None:
        raise LookupError(hold_id)
    if made:
        keys = [
            {"hold_id": hold_id, "sku": sku, "quantity": quantity}
            for sku, quantity in lines.items()
        ]
        await transaction.execute(insert(HoldLineRow), keys)
    elif await lines_of(transaction, [hold_id]) != {hold_id: dict(lines)}:
        raise Problem(
            409,
            "The hold has other lines",
            detail="The id of a hold names the same lines for ever.",
            kind="other_lines",
        )
    if row.state == HoldState.HELD:
        row.expires_at = until
    if row.state not in _ON_THE_SHELF:
        return []
    await _open_shelves(transaction, lines, terms.opening_units, now)
    counts = await counted(transaction, lines)
    missing = [
        Shortage(sku, wanted, counts[sku].on_hand)
        for sku, wanted in lines.items()
        if counts[sku].on_hand < wanted
    ]
    if not missing:
        row.expires_at = until
        await move(transaction, [row], HoldState.HELD)
    elif made:
        await _forget(transaction, row)
    return missing


async def move(
    transaction: AsyncSession, rows: Sequence[HoldRow], to: HoldState
) -> dict[str, CountRow]:
    """Bring holds into another state, and their units to where they are in it.

    Args:
        transaction: Where to count.
        rows: The holds, locked.
        to: The state.

    Returns:
        The counts that changed, by stock code.

    Raises:
        TransitionError: One of them never becomes that.
    """
    lines = await lines_of(transaction, [row.id for row in rows])
    # All at once and sorted: two that lock the same products never wait for each other.
    skus = {sku for line in lines.values() for sku in line}
    counts = await counted(transaction, skus)
    for row in rows:
        state = HoldState(row.state)
        place, next_place = PLACES[state], PLACES[moved(state, to)]
        row.state = to
        for sku, quantity in lines[row.id].items():
            count = counts[sku]
            setattr(count, place, getattr(count, place) - quantity)
            setattr(count, next_place, getattr(count, next_place) + quantity)
    await transaction.flush()
    return counts


async def receive(
    transaction: AsyncSession,
    delivery_id: str,
    lines: Mapping[str, int],
    *,
    now: datetime,
) -> bool:
    """Count a delivery in, once.

    Args:
        transaction: Where to count.
        delivery_id: Names the delivery for ever.
        lines: Units by stock code.
        now: The time.

    Returns:
        Whether it was counted now; False when it had been.

    Raises:
        Problem: 409, the id was given to other lines.
    """
    # Whoever comes at the same moment with the same id waits here, then finds it.
    made = await _delivered(transaction, delivery_id, lines, now)
    if not made:
        wanted = select(ReceiptRow).where(ReceiptRow.delivery_id == delivery_id)
        kept = {row.sku: row.quantity for row in await transaction.scalars(wanted)}
        if kept != dict(lines):
            raise Problem(
                409,
                "The delivery has other lines",
                detail="The id of a delivery names the same lines for ever.",
                kind="other_lines",
            )
        return False
    await _added(transaction, CountRow, [_count(sku, 0) for sku in sorted(lines)])
    for sku, count in (await counted(transaction, lines)).items():
        count.received += lines[sku]
        count.on_hand += lines[sku]
    await transaction.flush()
    return True


async def find_hold(transaction: AsyncSession, hold_id: str) -> HoldRow | None:
    """Return a hold, locked where rows can be, or None.

    Args:
        transaction: Where to look.
        hold_id: Its id.
    """
    return await transaction.get(HoldRow, hold_id, with_for_update=True)


async def lines_of(
    session: AsyncSession, hold_ids: Sequence[str]
) -> dict[str, dict[str, int]]:
    """Return the units of holds by stock code, by the ids of the holds.

    Args:
        session: Where to look.
        hold_ids: Their ids.
    """
    found: dict[str, dict[str, int]] = {one: {} for one in hold_ids}
    wanted = select(HoldLineRow).where(HoldLineRow.hold_id.in_(hold_ids))
    for line in await session.scalars(wanted):
        found[line.hold_id][line.sku] = line.quantity
    return found


async def counted(
    transaction: AsyncSession, skus: Iterable[str]
) -> dict[str, CountRow]:
    """Return the counts of products, locked where rows can be, by stock code.

    Args:
        transaction: Where to look.
        skus: The products; those unheard of are left out.
    """
    wanted = (
        select(CountRow)
        .where(CountRow.sku.in_(list(skus)))
        .order_by(CountRow.sku)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return {row.sku: row for row in await transaction.scalars(wanted)}


async def _open_shelves(
    transaction: AsyncSession, skus: Iterable[str], units: int, now: datetime
) -> None:
    """Count products in that nobody has counted in yet."""
    rows = [_count(sku, units) for sku in sorted(skus)]
    opened = await _added(transaction, CountRow, rows)
    if opened and units:
        await _delivered(transaction, OPENING, dict.fromkeys(opened, units), now)


async def _delivered(
    transaction: AsyncSession,
    delivery_id: str,
    lines: Mapping[str, int],
    now: datetime,
) -> bool:
    """Keep a delivery; return whether it is new. The opening one goes on growing."""
    delivery = {"id": delivery_id, "received_at": now}
    made = bool(await _added(transaction, DeliveryRow, [delivery]))
    if made or delivery_id == OPENING:
        receipts = [
            {"delivery_id": delivery_id, "sku": sku, "quantity": quantity}
            for sku, quantity in lines.items()
        ]
        await transaction.execute(insert(ReceiptRow), receipts)
    return made


async def _forget(transaction: AsyncSession, row: HoldRow) -> None:
    """Forget a hold that never was: its id is free for fewer units."""
    wanted = select(HoldLineRow).where(HoldLineRow.hold_id == row.id)
    for line in await transaction.scalars(wanted):
        await transaction.delete(line)
    await transaction.flush()
    await transaction.delete(row)


async def _added(
    transaction: AsyncSession, table: type[Tables], rows: list[dict[str, object]]
) -> list[str]:
    """Add the rows that are not there yet; return the keys of those added."""
    dialect = transaction.get_bind().dialect.name
    adding = postgresql.insert if dialect == "postgresql" else sqlite.insert
    [key] = table.__table__.primary_key
    statement = adding(table).values(rows).on_conflict_do_nothing().returning(key)
    return list(await transaction.scalars(statement))


def _count(sku: str, units: int) -> dict[str, object]:
    nothing = {"held": 0, "sold": 0, "returned": 0}
    return {"sku": sku, "received": units, "on_hand": units} | nothing
