"""Parked events: waiting in the consumer's database for another try, or dead."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, cast

from sqlalchemy import (
    CursorResult,
    Row,
    and_,
    bindparam,
    delete,
    func,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from fleetwright._clock import clock
from fleetwright.events._broker import Delivery
from fleetwright.events._envelope import Message
from fleetwright.events._inbox import DEAD_RELEASED, Hold, is_fenced, is_known
from fleetwright.events._tables import headers_text, message_of, parked

_LONGEST_ERROR = 2_000
_HEADS = 64
_OUTSIDE = 2**62  # an epoch that nobody shuts out: an operator holds no lane
_WORDS: dict[str, Any] = {"sqlite": sqlite, "postgresql": postgresql}


class State(IntEnum):
    """What is to become of a parked event.

    UNHEARD waits as RETRY does, for a process that hears its topic, and holds back
    nothing: there may never be one.
    """

    RETRY = 0
    DEAD = 2
    RELEASED = DEAD_RELEASED
    UNHEARD = DEAD_RELEASED + 1


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was decided about an event that failed.

    Attributes:
        attempts: How often it was tried.
        next_at: When it is tried again, in seconds since 1970.
        error: Why it failed; None where it only waits for another one.
        state: Whether it is tried again.
    """

    attempts: int
    next_at: float
    error: str | None
    state: State


@dataclass(frozen=True, slots=True)
class Parked:
    """One event that is parked.

    Attributes:
        message: The event.
        lane: Its lane.
        seq: Its place among the events of its key.
        attempts: How often it was tried.
        next_at: When it is tried again, in seconds since 1970.
        error: Why it failed the last time.
        state: Whether it is tried again.
    """

    message: Message
    lane: int
    seq: int
    attempts: int
    next_at: float
    error: str | None
    state: State


is_dead = parked.c.state.in_([State.DEAD, State.RELEASED])
# Built once; the order within a key is given here, not by the broker.
_behind_all = (
    select(func.coalesce(func.max(parked.c.seq), 0) + 1)
    .where(parked.c.grp == bindparam("grp"), parked.c.key == bindparam("key"))
    .scalar_subquery()
)
_park = {
    name: words.insert(parked)
    .values(
        {"seq": _behind_all}
        | {
            column.name: bindparam(column.name)
            for column in parked.c
            if column.name != "seq"
        }
    )
    .on_conflict_do_nothing(index_elements=["grp", "msg_id"])
    for name, words in _WORDS.items()
}
_one_at_a_time = text("select pg_advisory_xact_lock(hashtextextended(:key, 0))")


async def park(
    transaction: AsyncSession, hold: Hold, message: Message, verdict: Verdict
) -> bool:
    """Park a message behind all of its key, unless its effects were committed.

    Args:
        transaction: An open one.
        hold: Of its lane.
        message: What came in; parked before, it stays as it is.
        verdict: What was decided.

    Returns:
        False where the lane has a newer owner: nothing was done.
    """
    if await is_fenced(transaction, hold):
        return False
    if await is_known(transaction, hold.group, message.id):
        return True
    dialect = transaction.get_bind().dialect.name
    if dialect == "postgresql":  # two that park at once take places of their own
        key = {"key": f"fleet_parked/{hold.group}/{hold.order_key(message)}"}
        await transaction.execute(_one_at_a_time, key)
    values = {
        "grp": hold.group,
        "key": hold.order_key(message),
        "lane": message.lane,
        "msg_id": message.id,
        "topic": message.topic,
        "partition_key": message.key,
        "headers": headers_text(message.headers),
        "body": message.body,
        **_values(verdict),
    }
    await transaction.execute(_park[dialect], values)
    return True


async def park_again(
    transaction: AsyncSession, group: str, deliveries: Sequence[Delivery]
) -> None:
    """Park what was heard before, to be tried now, unless its effects are there.

    Args:
        transaction: An open one.
        group: Who hears.
        deliveries: What the broker had kept, in order; of no lane that is held.
    """
    now = Verdict(0, clock().now(), None, State.RETRY)
    for it in deliveries:
        hold = Hold(group, it.stream, it.lane, _OUTSIDE)
        await park(transaction, hold, it.message, now)


async def heads(
    session: AsyncSession, group: str, topics: Iterable[str]
) -> Sequence[Parked]:
    """Return the first event of each key that is to be tried again.

    Args:
        session: An open one.
        group: Who hears.
        topics: Only of these topics.

    Returns:
        The earliest first, some dozens at most; not all of them need be due.
    """
    earlier = parked.alias()
    is_first = ~(
        select(earlier.c.seq)
        .where(
            earlier.c.grp == parked.c.grp,
            earlier.c.key == parked.c.key,
            earlier.c.seq < parked.c.seq,
            earlier.c.state < State.RELEASED,
        )
        .exists()
    )
    mine = and_(parked.c.grp == group, parked.c.topic.in_(list(topics)))
    rows = await session.execute(
        select(parked)
        .where(mine, parked.c.state == State.RETRY, is_first)
        .order_by(parked.c.next_at)
        .limit(_HEADS)
    )
    return [_parked(row) for row in rows]


async def everything(session: AsyncSession, group: str) -> Sequence[Parked]:
    """Return what is parked for a group, in order per key.

    Args:
        session: An open one.
        group: Who hears.
    """
    rows = await session.execute(
        select(parked).where(parked.c.grp == group).order_by(parked.c.key, parked.c.seq)
    )
    return [_parked(row) for row in rows]


async def counts(session: AsyncSession, group: str) -> tuple[int, int]:
    """Return how many events wait for another try, and how many are dead.

    Args:
        session: An open one.
        group: Who hears.
    """
    row = await session.execute(
        select(func.count().filter(~is_dead), func.count().filter(is_dead)).where(
            parked.c.grp == group
        )
    )
    waiting, dead = row.one()
    return waiting, dead


async def unheard(
    session: AsyncSession, group: str, topics: Sequence[str]
) -> dict[str, int]:
    """Return how many events of each topic are kept for processes that hear others.

    Args:
        session: An open one.
        group: Who hears.
        topics: What this process hears.
    """
    rows = await session.execute(
        select(parked.c.topic, func.count())
        .where(parked.c.grp == group, parked.c.topic.not_in(topics), ~is_dead)
        .group_by(parked.c.topic)
        .order_by(parked.c.topic)
    )
    return {topic: count for topic, count in rows}


async def take_up(transaction: AsyncSession, group: str, topics: Sequence[str]) -> None:
    """Have what was set aside tried, in order: a process that hears it is here.

    Args:
        transaction: An open one.
        group: Who hears.
        topics: What the process hears.
    """
    aside = and_(parked.c.grp == group, parked.c.state == State.UNHEARD)
    await transaction.execute(
        update(parked)
        .where(aside, parked.c.topic.in_(topics))
        .values(state=State.RETRY)
    )


async def set_aside(
    transaction: AsyncSession, group: str, topics: Sequence[str]
) -> Sequence[tuple[str, int]]:
    """Have what no process hears hold back no more what others do.

    Args:
        transaction: An open one.
        group: Who hears.
        topics: What its processes hear.

    Returns:
        How many of each topic.
    """
    waits = and_(parked.c.grp == group, parked.c.state == State.RETRY)
    rows = await transaction.scalars(
        update(parked)
        .where(waits, parked.c.topic.not_in(topics))
        .values(state=State.UNHEARD)
        .returning(parked.c.topic)
    )
    return sorted(Counter(rows).items())


async def take(transaction: AsyncSession, group: str, head: Parked) -> bool:
    """Take a parked event out, to be handled in this transaction.

    Whoever deletes such a row records the message in the inbox, in one transaction:
    an event is never neither parked nor known once later ones of its key have come.

    Args:
        transaction: The one the reaction will run in.
        group: Who hears.
        head: What was read.

    Returns:
        False where another process is at it or was quicker; it is not waited for.
    """
    free = select(parked.c.seq).where(_is(group, head))
    if await transaction.scalar(free.with_for_update(skip_locked=True)) is None:
        return False
    return await _one(transaction, delete(parked).where(_is(group, head)))


async def keep(
    transaction: AsyncSession, group: str, head: Parked, verdict: Verdict
) -> bool:
    """Keep a parked event that failed again.

    Args:
        transaction: An open one.
        group: Who hears.
        head: What was read.
        verdict: What was decided.

    Returns:
        False where another process was quicker.
    """
    changed = update(parked).where(_is(group, head)).values(**_values(verdict))
    return await _one(transaction, changed)


async def revive(transaction: AsyncSession, group: str, message_id: str | None) -> int:
    """Have dead events tried again; their ids stay, so that each still counts once.

    Args:
        transaction: An open one.
        group: Who hears.
        message_id: Only this one; all that are dead for None.

    Returns:
        How many are tried again.
    """
    dead = and_(parked.c.grp == group, is_dead)
    if message_id is not None:
        dead = and_(dead, parked.c.msg_id == message_id)
    result = await transaction.execute(
        update(parked)
        .where(dead)
        .values(state=State.RETRY, attempts=0, next_at=clock().now())
    )
    return int(cast(CursorResult[Any], result).rowcount)


def _values(verdict: Verdict) -> dict[str, object]:
    error = verdict.error
    return {
        "attempts": verdict.attempts,
        "next_at": verdict.next_at,
        "error": None if error is None else error[:_LONGEST_ERROR],
        "state": int(verdict.state),
    }


def _is(group: str, head: Parked) -> Any:
    # The attempts tell whether it is still what was read.
    return and_(
        parked.c.grp == group,
        parked.c.msg_id == head.message.id,
        parked.c.attempts == head.attempts,
        parked.c.state == int(head.state),
    )


async def _one(transaction: AsyncSession, statement: Any) -> bool:
    result = await transaction.execute(statement)
    return int(cast(CursorResult[Any], result).rowcount) == 1


def _parked(row: Row[Any]) -> Parked:
    message = message_of(
        row.msg_id, row.topic, row.partition_key, row.headers, row.body
    )
    return Parked(
        message=message,
        lane=row.lane,
        seq=row.seq,
        attempts=row.attempts,
        next_at=row.next_at,
        error=row.error,
        state=State(row.state),
    )
