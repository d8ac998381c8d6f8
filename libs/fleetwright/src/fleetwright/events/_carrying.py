"""What the relay asks of a producer's database: its lanes, their rows, their end."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import structlog
from sqlalchemy import ColumnElement, bindparam, case, delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from fleetwright._clock import clock
from fleetwright.events._broker import Passing
from fleetwright.events._envelope import Message
from fleetwright.events._tables import message_of, outbox, relay_lease

LEASE_SECONDS: Final = 2.0
MOST_ATTEMPTS: Final = 10
BATCH: Final = 256
_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("fleetwright")

# Built once: making a statement costs more than running it.
_waits = outbox.c.parked_at.is_(None)
_mine = select(relay_lease.c.lane).where(relay_lease.c.owner == bindparam("owner"))
_any = select(select(outbox.c.seq).where(_waits).exists())
_oldest = (
    select(
        outbox.c.seq,
        outbox.c.id,
        outbox.c.topic,
        outbox.c.key,
        outbox.c.headers,
        outbox.c.body,
    )
    .where(_waits, outbox.c.lane.in_(_mine))
    .order_by(outbox.c.seq)
    .limit(bindparam("most"))
)
# Only while the lane is ours: its next owner may be publishing the same rows, and must
# find them until it knows they are with the broker.
_forget = delete(outbox).where(
    outbox.c.seq.in_(bindparam("seqs", expanding=True)), outbox.c.lane.in_(_mine)
)


@dataclass(frozen=True, slots=True)
class Row:
    """One event that waits.

    Attributes:
        seq: The order of publishing.
        message: The event as it goes over the wire.
    """

    seq: int
    message: Message


async def is_empty(session: AsyncSession) -> bool:
    """Return whether nothing waits.

    Args:
        session: An open one.
    """
    return not await session.scalar(_any)


async def take_lanes(transaction: AsyncSession, owner: str) -> None:
    """Renew a relay's lanes and take those whose owner has not renewed in time.

    Args:
        transaction: An open one.
        owner: The relay.
    """
    now, lease = clock().now(), relay_lease.c
    changes_hands = or_(lease.owner.is_(None), lease.owner != owner)
    await transaction.execute(
        update(relay_lease)
        .where(
            or_(
                lease.owner == owner,
                lease.until <= now,
                # The time of day was put back: no lease ends that far ahead.
                lease.until > now + 2 * LEASE_SECONDS,
            )
        )
        .values(
            owner=owner,
            epoch=case((changes_hands, lease.epoch + 1), else_=lease.epoch),
            until=now + LEASE_SECONDS,
        )
    )


async def give_up_lanes(transaction: AsyncSession, owner: str) -> None:
    """Let others take a relay's lanes at once.

    Args:
        transaction: An open one.
        owner: The relay.
    """
    mine = relay_lease.c.owner == owner
    await transaction.execute(update(relay_lease).where(mine).values(until=0.0))


async def oldest(
    session: AsyncSession,
    owner: str,
    *,
    beside: Collection[int],
    unless: ColumnElement[bool] | None = None,
) -> list[Row]:
    """Return the oldest rows of a relay's lanes.

    Rows that exist, never those after the last one seen: a transaction that is
    committed late has lower numbers.

    Args:
        session: An open one.
        owner: The relay.
        beside: The numbers of rows that are being carried already.
        unless: A condition that they must meet; none as a rule.
    """
    wanted = _oldest if unless is None else _oldest.where(unless)
    rows = await session.execute(wanted, {"owner": owner, "most": BATCH + len(beside)})
    return [
        Row(seq, message_of(id, topic, key, headers, body))
        for seq, id, topic, key, headers, body in rows
        if seq not in beside
    ][:BATCH]


async def forget(transaction: AsyncSession, owner: str, seqs: Sequence[int]) -> None:
    """Delete rows that are with the broker.

    Args:
        transaction: An open one.
        owner: The relay.
        seqs: Their numbers.
    """
    if seqs:
        await transaction.execute(_forget, {"owner": owner, "seqs": list(seqs)})


async def keep_refused(transaction: AsyncSession, refused: Mapping[str, str]) -> None:
    """Count the refusal; give an event up after ten, so that its lane goes on.

    What is refused for now is not counted: it is good, and offered until it is taken.

    Args:
        transaction: An open one.
        refused: The ids of refused messages, and why.
    """
    now = clock().now()
    alike: dict[str, list[str]] = {}
    for id, reason in refused.items():
        alike.setdefault(reason, []).append(id)
    for reason, ids in alike.items():
        one_more = 0 if isinstance(reason, Passing) else 1
        last = outbox.c.attempts + one_more >= MOST_ATTEMPTS
        rows = await transaction.execute(
            update(outbox)
            .where(outbox.c.id.in_(ids))
            .values(
                attempts=outbox.c.attempts + one_more,
                last_error=str(reason),
                parked_at=case((last, now), else_=None),
            )
            .returning(outbox.c.id, outbox.c.topic, outbox.c.parked_at)
        )
        for id, topic, parked_at in rows:
            if parked_at is not None:
                _log.error("outbox.parked", message=id, topic=topic, reason=reason)
