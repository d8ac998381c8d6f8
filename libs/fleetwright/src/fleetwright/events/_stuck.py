"""Events that do not move: parked, dead or refused; seen, tried again, discarded."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    and_,
    case,
    delete,
    func,
    select,
    true,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession

from fleetwright._clock import clock
from fleetwright.events._inbox import is_known, record_all
from fleetwright.events._parking import State, is_dead
from fleetwright.events._tables import outbox, parked

Standing = Literal["waiting", "behind", "unheard", "dead", "refused", "leaving"]


@dataclass(frozen=True, slots=True)
class Stuck:
    """One event that waits in a service's database.

    Attributes:
        id: Of the message.
        topic: What it tells.
        key: What orders it; None for no order.
        group: Who hears it; None in an outbox.
        standing: `waiting` for another try, `behind` an earlier one of its key, `dead`
            (tried often enough), `unheard` by any process of the group now, `refused`
            by the broker, or `leaving` an outbox.
        attempts: How often it was tried.
        next_at: When it is tried next, in seconds since 1970; None when it is not.
        error: Why it failed the last time.
        behind: How many later ones of its key wait for it.
        headers: As they came over the wire.
        body: As it came over the wire.
    """

    id: str
    topic: str
    key: str | None
    group: str | None
    standing: Standing
    attempts: int
    next_at: float | None
    error: str | None
    behind: int
    headers: dict[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    def facts(self) -> dict[str, Any]:
        """Return what is told of it in a list: all but headers and body.

        Times are texts, ISO 8601 in UTC, as in the headers.
        """
        facts: dict[str, Any] = {
            name: value
            for name, value in asdict(self).items()
            if name not in {"headers", "body"}
        }
        if self.next_at is not None:
            facts["next_at"] = datetime.fromtimestamp(self.next_at, UTC).isoformat()
        return facts | {"told_at": self.headers.get("time"), "bytes": len(self.body)}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events are meant: all that are given must hold.

    Attributes:
        ids: One of these; any when empty.
        topic: Of this topic; any when None.
    """

    ids: tuple[str, ...] = ()
    topic: str | None = None

    def among(self, id: Any, topic: Any) -> Any:
        """Return the condition on two columns."""
        wanted: ColumnElement[bool] = true()
        if self.ids:
            wanted = and_(wanted, id.in_(self.ids))
        if self.topic is not None:
            wanted = and_(wanted, topic == self.topic)
        return wanted


async def parked_ones(
    session: AsyncSession, group: str, wanted: Wanted, *, limit: int, behind: bool
) -> list[Stuck]:
    """Return what is parked or dead, the next to be tried first.

    Args:
        session: An open one.
        group: Who hears.
        wanted: Which ones.
        limit: How many at most.
        behind: Whether those that only wait behind another one are told as well.
    """
    other = parked.alias()
    same_key = and_(other.c.grp == parked.c.grp, other.c.key == parked.c.key)
    waits_for = select(func.count()).where(
        same_key, other.c.seq > parked.c.seq, other.c.state == State.RETRY
    )
    holds = select(other.c.seq).where(
        same_key, other.c.seq < parked.c.seq, other.c.state < State.RELEASED
    )
    is_behind = and_(parked.c.state == State.RETRY, holds.exists())
    query = (
        select(
            parked,
            case((is_behind, 1), else_=0).label("is_behind"),
            waits_for.scalar_subquery().label("later"),
        )
        .where(parked.c.grp == group, wanted.among(parked.c.msg_id, parked.c.topic))
        .order_by(parked.c.state, parked.c.next_at, parked.c.key, parked.c.seq)
        .limit(limit)
    )
    if not behind:
        query = query.where(~is_behind)
    return [_stuck_in_parking(row) for row in await session.execute(query)]


def _stuck_in_parking(row: Any) -> Stuck:
    standing: Standing = "dead"
    if row.state == State.RETRY:
        standing = "behind" if row.is_behind else "waiting"
    if row.state == State.UNHEARD:
        standing = "unheard"
    blocks = row.state < State.RELEASED and not row.is_behind
    return Stuck(
        id=row.msg_id,
        topic=row.topic,
        key=row.partition_key,
        group=row.grp,
        standing=standing,
        attempts=row.attempts,
        next_at=row.next_at if standing == "waiting" else None,
        error=row.error,
        behind=row.later if blocks else 0,
        headers=json.loads(row.headers),
        body=bytes(row.body),
    )


async def outbox_ones(
    session: AsyncSession, wanted: Wanted, *, limit: int, leaving: bool
) -> list[Stuck]:
    """Return what the broker refused for good, in the order of publishing.

    Args:
        session: An open one.
        wanted: Which ones.
        limit: How many at most.
        leaving: Whether those that are about to be carried are told as well.
    """
    query = (
        select(outbox)
        .where(wanted.among(outbox.c.id, outbox.c.topic))
        .order_by(outbox.c.seq)
        .limit(limit)
    )
    if not leaving:
        query = query.where(outbox.c.parked_at.is_not(None))
    rows = await session.execute(query)
    return [
        Stuck(
            id=row.id,
            topic=row.topic,
            key=row.key,
            group=None,
            standing="leaving" if row.parked_at is None else "refused",
            attempts=row.attempts,
            next_at=None,
            error=row.last_error,
            behind=0,
            headers=json.loads(row.headers),
            body=bytes(row.body),
        )
        for row in rows
    ]


async def retry_parked(
    transaction: AsyncSession, group: str, wanted: Wanted
) -> list[str]:
    """Have parked and dead events tried now; the inbox keeps each from counting twice.

    A dead one begins anew, one that waits keeps its count. One that no process hears
    stays aside until one does, and is tried at once then: tried now it would only hold
    back the others of its key.

    Args:
        transaction: An open one.
        group: Who hears.
        wanted: Which ones.

    Returns:
        Their ids, in order.
    """
    is_aside = parked.c.state == State.UNHEARD
    rows = await transaction.execute(
        update(parked)
        .where(parked.c.grp == group, wanted.among(parked.c.msg_id, parked.c.topic))
        .values(
            state=case((is_aside, parked.c.state), else_=State.RETRY),
            attempts=case((is_dead, 0), else_=parked.c.attempts),
            next_at=clock().now(),
        )
        .returning(parked.c.msg_id)
    )
    return sorted(rows.scalars())


async def retry_refused(transaction: AsyncSession, wanted: Wanted) -> list[str]:
    """Have events that the broker refused carried again.

    Args:
        transaction: An open one.
        wanted: Which ones.

    Returns:
        Their ids, in order.
    """
    rows = await transaction.execute(
        update(outbox)
        .where(
            outbox.c.parked_at.is_not(None), wanted.among(outbox.c.id, outbox.c.topic)
        )
        .values(parked_at=None, attempts=0)
        .returning(outbox.c.id)
    )
    return sorted(rows.scalars())


async def discard_parked(
    transaction: AsyncSession, group: str, wanted: Wanted
) -> list[str]:
    """Destroy parked and dead events, and have later deliveries of them ignored.

    Args:
        transaction: An open one.
        group: Who hears.
        wanted: Which ones.

    Returns:
        Their ids; not those of events that were handled meanwhile.
    """
    gone = delete(parked).where(
        parked.c.grp == group, wanted.among(parked.c.msg_id, parked.c.topic)
    )
    ids = sorted(await transaction.scalars(gone.returning(parked.c.msg_id)))
    # In the same commit: between the two a redelivery would find nothing known of them.
    await record_all(transaction, group, ids)
    return ids


async def discard_refused(transaction: AsyncSession, wanted: Wanted) -> list[str]:
    """Destroy events that the broker refused; nobody will hear them.

    Args:
        transaction: An open one.
        wanted: Which ones.

    Returns:
        Their ids.
    """
    gone = delete(outbox).where(
        outbox.c.parked_at.is_not(None), wanted.among(outbox.c.id, outbox.c.topic)
    )
    return sorted(await transaction.scalars(gone.returning(outbox.c.id)))


async def handled(session: AsyncSession, group: str, ids: Sequence[str]) -> list[str]:
    """Return which of some events a group has handled.

    Args:
        session: An open one.
        group: Who hears.
        ids: Of the messages.
    """
    return [id for id in ids if await is_known(session, group, id)]


async def parked_by_topic(session: AsyncSession, group: str) -> list[dict[str, Any]]:
    """Return how many events of each topic are parked and dead.

    Args:
        session: An open one.
        group: Who hears.

    Returns:
        `topic`, `parked`, `dead` and `oldest_at`, sorted.
    """
    rows = await session.execute(
        select(
            parked.c.topic,
            func.count().filter(~is_dead).label("waiting"),
            func.count().filter(is_dead).label("dead"),
            func.min(parked.c.msg_id).label("oldest"),
        )
        .where(parked.c.grp == group)
        .group_by(parked.c.topic)
        .order_by(parked.c.topic)
    )
    return [
        {
            "topic": row.topic,
            "parked": row.waiting,
            "dead": row.dead,
            "oldest_at": told_at(row.oldest),
        }
        for row in rows
    ]


async def outbox_by_topic(session: AsyncSession) -> list[dict[str, Any]]:
    """Return how many events of each topic wait in the outbox, or were refused.

    Args:
        session: An open one.

    Returns:
        `topic`, `pending`, `refused` and `oldest_at`, sorted.
    """
    waits = outbox.c.parked_at.is_(None)
    rows = await session.execute(
        select(
            outbox.c.topic,
            func.count().filter(waits).label("pending"),
            func.count(outbox.c.parked_at).label("refused"),
            func.min(outbox.c.created_at).label("oldest_at"),
        )
        .group_by(outbox.c.topic)
        .order_by(outbox.c.topic)
    )
    return [dict(row._mapping) for row in rows]


def told_at(id: str) -> float | None:
    """Return when a message was published, in seconds since 1970.

    Args:
        id: Of the message, a UUIDv7: its first 48 bits are milliseconds.

    Returns:
        None where the id is none of ours.
    """
    try:
        found = UUID(id)
    except ValueError:
        return None
    return (found.int >> 80) / 1000 if found.version == 7 else None
