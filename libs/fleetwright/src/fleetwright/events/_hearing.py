"""Who of a group hears what: said by its processes, kept in the consumer's database.

While a new version is deployed the processes of a group hear different topics, and any
of them may be handed an event that only others hear. It is kept for them: in its place
where such a process lives, aside where none does, so that it holds nobody up.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from typing import Any

import structlog
from sqlalchemy import and_, delete, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from fleetwright._clock import clock
from fleetwright.database import AsyncDatabase
from fleetwright.errors import FleetwrightError
from fleetwright.events import _parking
from fleetwright.events._tables import hearing

SAY_SECONDS = 20.0
ALIVE_SECONDS = 60.0  # what nobody has said for that long is heard by nobody now
GIVE_UP_SECONDS = 3600.0  # longer than a deployment that goes wrong and is undone
_WORDS: dict[str, Any] = {"sqlite": sqlite, "postgresql": postgresql}
_one_at_a_time = text("select pg_advisory_xact_lock(hashtextextended(:key, 0))")
_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("fleetwright")


async def say(transaction: AsyncSession, group: str, topics: Sequence[str]) -> None:
    """Say what a process of a group hears; what was kept for it is tried now.

    Said before the broker is told: whatever comes because of it finds it said.

    Args:
        transaction: An open one.
        group: Who hears.
        topics: What this process hears.
    """
    await _alone(transaction, group)
    now = clock().now()
    if topics:
        insert = _insert(transaction)
        rows = [{"grp": group, "topic": topic, "seen": now} for topic in topics]
        await transaction.execute(
            insert.on_conflict_do_update(
                index_elements=["grp", "topic"], set_={"seen": insert.excluded.seen}
            ),
            rows,
        )
    alive = await transaction.scalars(
        select(hearing.c.topic).where(hearing.c.grp == group, _is_alive(now))
    )
    await _parking.take_up(transaction, group, topics)
    for topic, count in await _parking.set_aside(transaction, group, list(alive)):
        _log.warning("topic.set_aside", group=group, topic=topic, events=count)


async def is_heard(transaction: AsyncSession, group: str, topic: str) -> bool:
    """Return whether a living process of a group hears a topic; until this ends.

    Args:
        transaction: An open one; nobody begins to hear anything before it ends.
        group: Who hears.
        topic: Of a message that was delivered to it.
    """
    await _alone(transaction, group)
    now = clock().now()
    # The group was subscribed to it, or it would not have come: to be given up in time.
    row = {"grp": group, "topic": topic, "seen": now - ALIVE_SECONDS}
    await transaction.execute(_insert(transaction).on_conflict_do_nothing(), row)
    found = select(hearing.c.seen).where(
        hearing.c.grp == group, hearing.c.topic == topic, _is_alive(now)
    )
    return await transaction.scalar(found) is not None


async def lapsed(
    transaction: AsyncSession, group: str, topics: Collection[str]
) -> Sequence[str]:
    """Return what a group has not heard for so long that it never will, and forget it.

    Args:
        transaction: An open one; nobody begins to hear anything before it ends.
        group: Who hears.
        topics: What this process hears.
    """
    await _alone(transaction, group)
    old = and_(
        hearing.c.grp == group, hearing.c.seen <= clock().now() - GIVE_UP_SECONDS
    )
    found = [
        topic
        for topic in await transaction.scalars(select(hearing.c.topic).where(old))
        if topic not in topics
    ]
    if found:
        gone = delete(hearing).where(old, hearing.c.topic.in_(found))
        await transaction.execute(gone)
    return sorted(found)


def _is_alive(now: float) -> Any:
    # One that is said ahead of time is none: the time of day was put back.
    return and_(
        hearing.c.seen > now - ALIVE_SECONDS, hearing.c.seen <= now + ALIVE_SECONDS
    )


def _insert(transaction: AsyncSession) -> Any:
    return _WORDS[transaction.get_bind().dialect.name].insert(hearing)


async def _alone(transaction: AsyncSession, group: str) -> None:
    """Wait for others who ask or say what the group hears; on SQLite it is done."""
    if transaction.get_bind().dialect.name == "postgresql":
        await transaction.execute(_one_at_a_time, {"key": f"fleet_hearing/{group}"})


class Saying:
    """Says what this process hears, again and again, in a task of its own.

    A reaction that takes long must not silence it. What nobody has said for an hour is
    given up: the broker is told that the group hears it no more.
    """

    def __init__(
        self,
        database: AsyncDatabase,
        group: str,
        topics: Sequence[str],
        give_up: Callable[[Sequence[str]], Awaitable[None]],
    ) -> None:
        """Describe what is said.

        Args:
            database: Where.
            group: Who hears.
            topics: What this process hears.
            give_up: Tells the broker which topics the group hears no more.
        """
        self._database = database
        self._group = group
        self._topics = topics
        self._give_up = give_up
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Say it, and go on saying it."""
        await self._say()
        self._task = asyncio.create_task(self._run(), name="hearing")

    async def stop(self) -> None:
        """Say no more; safe to call again."""
        self._stopping.set()
        task, self._task = self._task, None
        if task is not None:
            await asyncio.gather(task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(SAY_SECONDS):
                    await self._stopping.wait()
                    return
            try:
                await self._say()
                await self._forget()
            except (FleetwrightError, SQLAlchemyError, OSError) as error:
                _log.warning("hearing.failed", group=self._group, error=str(error))

    async def _say(self) -> None:
        async with self._database.transaction() as transaction:
            await say(transaction, self._group, self._topics)

    async def _forget(self) -> None:
        async with self._database.transaction() as transaction:
            topics = await lapsed(transaction, self._group, self._topics)
            if topics:
                # Before the commit: who begins to hear one of them subscribes after it.
                await self._give_up(topics)
        for topic in topics:
            _log.warning("topic.given_up", group=self._group, topic=topic)
