"""The law of the shelf: nothing is lost, nothing is made, whatever happens in turn."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from fleetwright import Problem
from fleetwright.database import AsyncDatabase
from stock import events, shelf
from stock.expiry import Expiry
from stock.lifecycle import HoldState, TransitionError
from stock.shelf import Terms
from stock.tables import CountRow, HoldLineRow, HoldRow, ReceiptRow, ReturnRow, Tables

TERMS = Terms(opening_units=6, hold_seconds=10.0)
START = datetime(2026, 1, 1, tzinfo=UTC)
ORDERS = st.integers(1, 4).map(lambda number: UUID(int=number))
SKUS = st.sampled_from(["tea", "milk", "soap"])
LINES = st.dictionaries(SKUS, st.integers(1, 4), min_size=1)


@dataclass(frozen=True)
class Step:
    """Something that happens to the shelf, after so many seconds."""

    what: str
    order_id: UUID
    lines: dict[str, int]
    after_seconds: int
    number: int


STEPS = st.lists(
    st.builds(
        Step,
        what=st.sampled_from(
            ["hold"] * 3
            + ["release", "receive", "placed", "paid", "refused", "returned", "expire"]
        ),
        order_id=ORDERS,
        lines=LINES,
        after_seconds=st.integers(0, 12),
        number=st.integers(1, 6),
    ),
    max_size=40,
)


async def happen(transaction: AsyncSession, step: Step, now: datetime) -> None:
    """Do one step in a transaction."""
    hold_id, order_id = str(step.order_id), step.order_id
    if step.what == "hold":
        await shelf.hold(transaction, hold_id, step.lines, terms=TERMS, now=now)
    elif step.what == "receive":
        await shelf.receive(transaction, str(step.number), step.lines, now=now)
    elif step.what == "placed":
        await events.keep_held(events.OrderPlaced(order_id=order_id), transaction)
    elif step.what == "paid":
        await events.mark_sold(events.OrderPaid(order_id=order_id), transaction)
    elif step.what == "refused":
        await events.put_back(events.OrderRefused(order_id=order_id), transaction)
    elif step.what == "returned":
        sku, quantity = next(iter(step.lines.items()))
        returned = events.UnitsReturned(
            order_id=order_id,
            refund_id=UUID(int=step.number),
            sku=sku,
            quantity=quantity,
        )
        await events.take_back(returned, transaction)
    elif (row := await shelf.find_hold(transaction, hold_id)) is not None:
        await shelf.move(transaction, [row], HoldState.RELEASED)


async def recounted(session: AsyncSession) -> dict[str, tuple[int, ...]]:
    """Count every product from what was delivered, held and returned, one by one."""
    received: Counter[str] = Counter()
    held: Counter[str] = Counter()
    sold: Counter[str] = Counter()
    returned: Counter[str] = Counter()
    for receipt in await session.scalars(select(ReceiptRow)):
        received[receipt.sku] += receipt.quantity
    states = {row.id: row.state for row in await session.scalars(select(HoldRow))}
    for line in await session.scalars(select(HoldLineRow)):
        state = states[line.hold_id]
        held[line.sku] += line.quantity if state in ("held", "placed") else 0
        sold[line.sku] += line.quantity if state == "sold" else 0
    for back in await session.scalars(select(ReturnRow)):
        returned[back.sku] += back.quantity
    return {
        sku: (
            received[sku],
            received[sku] - held[sku] - sold[sku] + returned[sku],
            held[sku],
            sold[sku],
            returned[sku],
        )
        for sku in received
    }


async def counted(session: AsyncSession) -> dict[str, tuple[int, ...]]:
    """Return the counts as stock keeps them."""
    return {
        it.sku: (it.received, it.on_hand, it.held, it.sold, it.returned)
        for it in await session.scalars(select(CountRow))
    }


async def lived(steps: list[Step], look: Callable[..., Awaitable[None]]) -> None:
    """Let the steps happen to an empty shelf, and look after each."""
    database = AsyncDatabase("sqlite+aiosqlite://")
    async with database.engine.begin() as connection:
        await connection.run_sync(Tables.metadata.create_all)
    now = START
    for step in steps:
        now += timedelta(seconds=step.after_seconds)
        if step.what == "expire":
            await Expiry(database, 1.0).sweep(now)
        else:
            try:
                async with database.transaction() as transaction:
                    await happen(transaction, step, now)
            except (Problem, TransitionError):
                pass  # refused: the transaction is undone
        async with database.reading() as reading:
            await look(reading)
    await database.close()


@given(STEPS)
@settings(max_examples=40, deadline=None)
def test_every_unit_is_somewhere(steps: list[Step]) -> None:
    """The counts add up, and say what all the single rows say."""

    async def look(session: AsyncSession) -> None:
        counts = await counted(session)
        assert counts == await recounted(session)
        for received, on_hand, held, sold, returned in counts.values():
            assert received == on_hand + held + sold - returned
            assert min(received, held, sold, returned) >= 0
            assert returned <= sold

    asyncio.run(lived(steps, look))


@given(STEPS)
@settings(max_examples=40, deadline=None)
def test_nothing_is_held_that_is_not_there(steps: list[Step]) -> None:
    """Only an order placed after its hold had ended may leave the shelf in debt."""
    calm = [step for step in steps if step.what != "placed"]

    async def look(session: AsyncSession) -> None:
        for _, on_hand, *_ in (await counted(session)).values():
            assert on_hand >= 0

    asyncio.run(lived(calm, look))
