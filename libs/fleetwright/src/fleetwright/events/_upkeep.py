"""What is old is forgotten: in small steps, by one process at a time."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from math import isfinite
from typing import Any, cast
from uuid import uuid4

import structlog
from sqlalchemy import CursorResult, and_, delete, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from fleetwright._clock import clock
from fleetwright.database import AsyncDatabase
from fleetwright.errors import FleetwrightError
from fleetwright.events._kept import Aging
from fleetwright.events._parking import is_dead
from fleetwright.events._retention import Retention
from fleetwright.events._tables import inbox, outbox, parked, upkeep

BATCH_ROWS = 500  # a delete of so many holds up writers for some milliseconds
TURN_SECONDS = 0.05  # of work at a time; the rest is done at the next turn
EVERY_SECONDS = 3600.0
_LEASE_SECONDS = 60.0  # a process that died holds it no longer
_ASK_AGAIN_SECONDS = 5.0  # where the broker was away
_LOOK_AGAIN_SECONDS = 600.0  # where another process is at it
_WORDS: dict[str, Any] = {"sqlite": sqlite, "postgresql": postgresql}
_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("fleetwright")

Step = Callable[[AsyncSession], Awaitable[int]]


class Upkeep:
    """Forgets what is old in one database, once an hour, whoever of its group does it.

    Each step is a short transaction that deletes some hundred rows; steps of a turn end
    after 50 ms. A failure is logged and changes nothing: it is tried again.
    """

    def __init__(self, database: AsyncDatabase, task: str, *steps: Step) -> None:
        """Describe what is forgotten.

        Args:
            database: Where.
            task: What the processes that share it call it.
            *steps: Each deletes some old rows and returns how many.
        """
        self._database = database
        self._task = task
        self._steps = steps
        self._owner = str(uuid4())
        self._next_at = float("-inf")

    async def tend(self) -> None:
        """Do a turn if it is time to; safe to call as often as one likes."""
        now = clock().monotonic()
        # A clock that went back is another clock: tests install their own.
        if not self._steps or now < self._next_at <= now + EVERY_SECONDS:
            return
        try:
            rest = await self._turn(now)
        except (FleetwrightError, SQLAlchemyError, OSError) as error:
            _log.warning("upkeep.failed", task=self._task, error=str(error))
            rest = _LEASE_SECONDS
        self._next_at = clock().monotonic() + rest

    async def _turn(self, started: float) -> float:
        """Do some steps; return how many seconds later to go on."""
        while clock().monotonic() - started < TURN_SECONDS:
            async with self._database.transaction() as transaction:
                if not await self._take(transaction):
                    return _LOOK_AGAIN_SECONDS
                counts = [await step(transaction) for step in self._steps]
                if not any(counts):
                    await self._give_back(transaction)
                    return EVERY_SECONDS
        return 0.0

    async def _take(self, transaction: AsyncSession) -> bool:
        """Be the one who does it: nobody else is at it, nor was within the hour."""
        now = clock().now()
        row = {"task": self._task, "owner": self._owner, "until": now + _LEASE_SECONDS}
        insert = _WORDS[transaction.get_bind().dialect.name].insert(upkeep).values(row)
        is_free = or_(
            upkeep.c.owner == self._owner,
            upkeep.c.until <= now,
            # The time of day was put back: nothing lasts that long, not even for one
            # who has waited for another to be done.
            upkeep.c.until > now + EVERY_SECONDS + _LEASE_SECONDS,
        )
        taken = insert.on_conflict_do_update(
            index_elements=["task"], set_=row, where=is_free
        ).returning(upkeep.c.owner)
        return await transaction.scalar(taken) is not None

    async def _give_back(self, transaction: AsyncSession) -> None:
        """Let somebody do it again in an hour."""
        await transaction.execute(
            update(upkeep)
            .where(upkeep.c.task == self._task)
            .values(owner="", until=clock().now() + EVERY_SECONDS)
        )


def of_group(database: AsyncDatabase, group: str, retention: Retention) -> Upkeep:
    """Return the upkeep of what a group has heard.

    Args:
        database: Its own.
        group: Who hears.
        retention: How long what is remembered.
    """

    async def inbox_step(transaction: AsyncSession) -> int:
        return await _forget_heard(transaction, group, retention.inbox_seconds)

    steps: list[Step] = [inbox_step]
    if retention.dead_seconds is not None:
        age = retention.dead_seconds

        async def dead_step(transaction: AsyncSession) -> int:
            return await _forget_dead(transaction, group, age)

        steps.append(dead_step)
    return Upkeep(database, f"heard/{group}", *steps)


def of_outbox(database: AsyncDatabase, retention: Retention) -> Upkeep:
    """Return the upkeep of what a broker refused.

    Args:
        database: Where it was published.
        retention: How long what is remembered.
    """
    steps: list[Step] = []
    if retention.refused_seconds is not None:
        age = retention.refused_seconds

        async def refused_step(transaction: AsyncSession) -> int:
            return await _forget_refused(transaction, age)

        steps.append(refused_step)
    return Upkeep(database, "refused", *steps)


async def _forget_heard(
    transaction: AsyncSession, group: str, age_seconds: float
) -> int:
    ids = (
        select(inbox.c.msg_id)
        .where(inbox.c.grp == group, inbox.c.at < clock().now() - age_seconds)
        .limit(BATCH_ROWS)
    )
    return await _deleted(
        transaction, delete(inbox).where(inbox.c.grp == group, inbox.c.msg_id.in_(ids))
    )


async def _forget_dead(
    transaction: AsyncSession, group: str, age_seconds: float
) -> int:
    """Forget what died long ago; as with `discard` it is ignored if it comes again."""
    now = clock().now()
    died_at = parked.c.next_at  # what is dead is tried no more: it says when it died
    old = and_(parked.c.grp == group, is_dead, died_at < now - age_seconds)
    ids = list(
        await transaction.scalars(select(parked.c.msg_id).where(old).limit(BATCH_ROWS))
    )
    if not ids:
        return 0
    insert = _WORDS[transaction.get_bind().dialect.name].insert(inbox)
    rows = [{"grp": group, "msg_id": id, "at": now} for id in ids]
    await transaction.execute(insert.on_conflict_do_nothing(), rows)
    gone = delete(parked).where(old, parked.c.msg_id.in_(ids))
    count = await _deleted(transaction, gone)
    _log.warning("dead.forgotten", group=group, count=count)
    return count


async def _forget_refused(transaction: AsyncSession, age_seconds: float) -> int:
    ids = (
        select(outbox.c.seq)
        .where(outbox.c.parked_at < clock().now() - age_seconds)
        .limit(BATCH_ROWS)
    )
    count = await _deleted(transaction, delete(outbox).where(outbox.c.seq.in_(ids)))
    if count:
        _log.warning("refused.forgotten", count=count)
    return count


async def _deleted(transaction: AsyncSession, statement: Any) -> int:
    result = await transaction.execute(statement)
    return int(cast(CursorResult[Any], result).rowcount)


class Memory:
    """Says so, once, where the broker remembers longer than the inbox."""

    def __init__(
        self, group: str, topics: Sequence[str], retention: Retention, broker: object
    ) -> None:
        """Describe whose memories are compared.

        Args:
            group: Who hears.
            topics: What it hears.
            retention: Of its inbox.
            broker: Where its events come from.
        """
        self._group = group
        # Others keep all topics alike.
        self._unknown = set(topics) if isinstance(broker, Aging) else {"*"}
        self._inbox_seconds = retention.inbox_seconds
        self._broker = broker
        self._look_at = float("-inf")

    async def look(self) -> None:
        """Ask the broker, until it has answered; safe to call as often as one likes."""
        now = clock().monotonic()
        if not self._unknown or now < self._look_at <= now + _ASK_AGAIN_SECONDS:
            return
        self._look_at = now + _ASK_AGAIN_SECONDS
        try:
            kept = await self._kept_seconds()
        except FleetwrightError:
            return  # it is away: its own check tells
        longer = [at for at in kept.values() if at > self._inbox_seconds]
        if longer:
            _log.warning(
                "inbox.forgets_first",
                group=self._group,
                topics=sorted(t for t, at in kept.items() if at > self._inbox_seconds),
                inbox_seconds=self._inbox_seconds,
                broker_seconds=max(longer) if isfinite(max(longer)) else "for ever",
            )
        self._unknown.difference_update(kept)

    async def _kept_seconds(self) -> Mapping[str, float]:
        if isinstance(self._broker, Aging):
            return await self._broker.kept_seconds(sorted(self._unknown))
        seconds: float = getattr(self._broker, "keep_seconds", 0.0)
        return dict.fromkeys(self._unknown, seconds)
