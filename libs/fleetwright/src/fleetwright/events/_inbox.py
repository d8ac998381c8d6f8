"""Seen before? Asked and answered in the transaction of the reaction."""

from enum import StrEnum
from typing import Any, cast

from sqlalchemy import (
    CursorResult,
    Double,
    String,
    bindparam,
    delete,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from fleetwright._clock import clock
from fleetwright.events._broker import Delivery
from fleetwright.events._tables import fence, inbox, parked

KEEP_SECONDS = 7 * 24 * 3600.0  # longer than any broker keeps, plus the longest outage
_PURGE_ROWS = 5_000
DEAD_RELEASED = 3  # states below this one hold back later events of their key
_WORDS = {"sqlite": sqlite, "postgresql": postgresql}


class Seen(StrEnum):
    """What is known of a delivery before its reaction runs."""

    NEW = "new"
    DUPLICATE = "duplicate"
    BEHIND = "behind"
    FENCED = "fenced"


# Built once: making a statement costs more than running it.
_newer_owner = select(fence.c.epoch).where(
    fence.c.grp == bindparam("grp", type_=String),
    fence.c.lane == bindparam("lane"),
    fence.c.epoch > bindparam("epoch"),
)
_held_back = select(parked.c.seq).where(
    parked.c.grp == bindparam("grp", type_=String),
    parked.c.key == bindparam("key"),
    parked.c.state < DEAD_RELEASED,
)
_known = select(inbox.c.at).where(
    inbox.c.grp == bindparam("grp"), inbox.c.msg_id == bindparam("id")
)
_row = select(
    bindparam("grp", type_=String),
    bindparam("id", type_=String),
    bindparam("at", type_=Double),
)


def _insert_of(rows: Any) -> dict[str, Any]:
    return {
        name: words.insert(inbox)
        .from_select(["grp", "msg_id", "at"], rows)
        .on_conflict_do_nothing()
        for name, words in _WORDS.items()
    }


_claim = _insert_of(_row.where(~_held_back.exists(), ~_newer_owner.exists()))
_record = _insert_of(_row)


def _raise_of(words: Any) -> Any:
    insert = words.insert(fence)
    return insert.on_conflict_do_update(
        index_elements=["grp", "lane"],
        set_={"epoch": insert.excluded.epoch},
        where=insert.excluded.epoch >= fence.c.epoch,
    ).returning(fence.c.epoch)


_raise = {name: _raise_of(words) for name, words in _WORDS.items()}


async def claim(transaction: AsyncSession, group: str, delivery: Delivery) -> Seen:
    """Record the delivery if its reaction may run now.

    One statement in the common case. The row is the proof that the effects of this
    transaction happen once: whoever commits it second gets nothing.

    Args:
        transaction: The one the reaction will run in.
        group: Who hears.
        delivery: What came in.

    Returns:
        NEW: run the reaction. DUPLICATE: it ran. BEHIND: an earlier event of the key
        is parked. FENCED: the lane has a newer owner.
    """
    message = delivery.message
    values = {
        "grp": group,
        "id": message.id,
        "at": clock().now(),
        "key": message.order_key,
        "lane": delivery.lane,
        "epoch": delivery.epoch,
    }
    if await _changed(transaction, _claim, values):
        return Seen.NEW
    if await is_fenced(transaction, group, delivery.lane, delivery.epoch):
        return Seen.FENCED
    if await is_known(transaction, group, message.id):
        return Seen.DUPLICATE
    return Seen.BEHIND


async def record(transaction: AsyncSession, group: str, message_id: str) -> bool:
    """Record a message whose turn it is; tell whether it is new.

    Args:
        transaction: The one the reaction will run in.
        group: Who hears.
        message_id: Of the message.

    Returns:
        False where its effects were committed before.
    """
    values = {"grp": group, "id": message_id, "at": clock().now()}
    return await _changed(transaction, _record, values)


async def is_known(transaction: AsyncSession, group: str, message_id: str) -> bool:
    """Return whether the effects of a message were committed.

    Args:
        transaction: An open one.
        group: Who hears.
        message_id: Of the message.
    """
    values = {"grp": group, "id": message_id}
    return await transaction.scalar(_known, values) is not None


async def is_fenced(
    transaction: AsyncSession, group: str, lane: int, epoch: int
) -> bool:
    """Return whether the lane has an owner newer than that epoch.

    Args:
        transaction: An open one.
        group: Who hears.
        lane: The lane.
        epoch: Of the owner that asks.
    """
    values = {"grp": group, "lane": lane, "epoch": epoch}
    return await transaction.scalar(_newer_owner, values) is not None


async def raise_fence(
    transaction: AsyncSession, group: str, lane: int, epoch: int
) -> bool:
    """Shut out owners of the lane before this epoch.

    Args:
        transaction: An open one.
        group: Who hears.
        lane: The lane.
        epoch: Of the owner.

    Returns:
        False where a newer owner has done so.
    """
    values = {"grp": group, "lane": lane, "epoch": epoch}
    raised = _raise[transaction.get_bind().dialect.name].values(**values)
    return await transaction.scalar(raised) is not None


async def purge(transaction: AsyncSession, group: str) -> int:
    """Forget some of what was heard more than seven days ago.

    Args:
        transaction: An open one.
        group: Who hears.

    Returns:
        How many rows were deleted, a few thousand at most.
    """
    ids = (
        select(inbox.c.msg_id)
        .where(inbox.c.grp == group, inbox.c.at < clock().now() - KEEP_SECONDS)
        .limit(_PURGE_ROWS)
    )
    result = await transaction.execute(
        delete(inbox).where(inbox.c.grp == group, inbox.c.msg_id.in_(ids))
    )
    return int(cast(CursorResult[Any], result).rowcount)


async def _changed(
    transaction: AsyncSession, statements: dict[str, Any], values: dict[str, object]
) -> bool:
    statement = statements[transaction.get_bind().dialect.name]
    result = await transaction.execute(statement, values)
    return int(cast(CursorResult[Any], result).rowcount) == 1
