"""Who of a group hears what: said by its processes, kept in the consumer's database.

While a new version is deployed the processes of a group hear different topics, and any
of them may be handed an event that only others hear. It is kept for them: in its place
where such a process lives, aside where none does, so that it holds nobody up.
"""

import asyncio
from collections.abc import Collection, Sequence
from contextlib import suppress
from typing import Any
from uuid import uuid4

import structlog
from sqlalchemy import and_, delete, select, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from fleetwright._clock import clock
from fleetwright.database import AsyncDatabase
from fleetwright.events import _parking
from fleetwright.events._kept import Unsubscribing
from fleetwright.events._tables import hearing

SAY_SECONDS = 20.0
ALIVE_SECONDS = 60.0  # what nobody has said for that long is heard by nobody now
GIVE_UP_SECONDS = 3600.0  # longer than a deployment that goes wrong and is undone
_NEVER = 0.0  # it came, and nobody has said that he hears it
_LEAVING_SECONDS = 10.0  # to tell the broker takes five at most, or is tried again
_LOOK_SECONDS = 0.1
_Row = tuple[str, float, str | None]  # a topic, when it was said, who leaves it
_WORDS: dict[str, Any] = {"sqlite": sqlite, "postgresql": postgresql}
_rows = select(hearing.c.topic, hearing.c.seen, hearing.c.leaving)
_one_at_a_time = text("select pg_advisory_xact_lock(hashtextextended(:key, 0))")
_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("fleetwright")


async def say(
    transaction: AsyncSession, group: str, topics: Sequence[str], *, is_patient: bool
) -> Sequence[str] | None:
    """Say what a process of a group hears; what was kept for it is tried now.

    Said before the broker is told: whatever comes because of it finds it said.

    Args:
        transaction: An open one.
        group: Who hears.
        topics: What this process hears.
        is_patient: Whether to say nothing while another process has the broker send
            some of it no more: he who subscribes meanwhile might be undone.

    Returns:
        What the broker may not send to the group, whatever it was told before; None
        where nothing was said.
    """
    await _alone(transaction, group)
    mine = and_(hearing.c.grp == group, hearing.c.topic.in_(topics))
    known = {row.topic: row for row in await transaction.execute(_rows.where(mine))}
    if is_patient and any(row.leaving is not None for row in known.values()):
        return None
    now = clock().now()
    if topics:
        insert = _insert(transaction)
        rows = [{"grp": group, "topic": topic, "seen": now} for topic in topics]
        await transaction.execute(
            insert.on_conflict_do_update(
                index_elements=["grp", "topic"],
                set_={"seen": insert.excluded.seen, "leaving": None},
            ),
            rows,
        )
    alive = await transaction.scalars(
        select(hearing.c.topic).where(hearing.c.grp == group, _is_alive(now))
    )
    await _parking.take_up(transaction, group, topics)
    for topic, count in await _parking.set_aside(transaction, group, list(alive)):
        _log.warning("topic.set_aside", group=group, topic=topic, events=count)
    sure = {
        topic
        for topic, row in known.items()
        if row.seen > _NEVER and row.leaving is None
    }
    return [topic for topic in topics if topic not in sure]


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
    row = {"grp": group, "topic": topic, "seen": _NEVER}
    await transaction.execute(_insert(transaction).on_conflict_do_nothing(), row)
    found = select(hearing.c.seen).where(
        hearing.c.grp == group, hearing.c.topic == topic, _is_alive(now)
    )
    return await transaction.scalar(found) is not None


async def of_others(
    transaction: AsyncSession, group: str, topics: Collection[str]
) -> Sequence[_Row]:
    """Return what was said about topics that a process does not hear.

    Args:
        transaction: An open one; nobody begins to hear anything before it ends.
        group: Who hears.
        topics: What this process hears.
    """
    await _alone(transaction, group)
    rows = await transaction.execute(_rows.where(hearing.c.grp == group))
    return [
        (topic, seen, leaving) for topic, seen, leaving in rows if topic not in topics
    ]


async def leave(
    transaction: AsyncSession, group: str, topics: Sequence[str], by: str
) -> None:
    """Note that a process is about to have the broker send some topics no more.

    Args:
        transaction: The one they were looked at in.
        group: Who hears.
        topics: Which ones.
        by: The process.
    """
    these = and_(hearing.c.grp == group, hearing.c.topic.in_(topics))
    await transaction.execute(update(hearing).where(these).values(leaving=by))


async def left(transaction: AsyncSession, group: str, by: str) -> Sequence[str]:
    """Forget the topics that the broker was told about; return them.

    Args:
        transaction: An open one.
        group: Who hears.
        by: The process that has told it.
    """
    await _alone(transaction, group)
    these = and_(hearing.c.grp == group, hearing.c.leaving == by)
    gone = delete(hearing).where(these).returning(hearing.c.topic)
    return sorted(await transaction.scalars(gone))


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
    given up: the broker is told that the group hears it no more. The hour is of this
    process' own: it has looked all the time, and the time of day does not matter.
    """

    def __init__(
        self,
        database: AsyncDatabase,
        group: str,
        topics: Sequence[str],
        broker: object,
    ) -> None:
        """Describe what is said.

        Args:
            database: Where.
            group: Who hears.
            topics: What this process hears.
            broker: Is told which topics the group hears no more, if it cares.
        """
        self._database = database
        self._group = group
        self._topics = topics
        self._broker = broker if isinstance(broker, Unsubscribing) else None
        self._owner = str(uuid4())
        self._unsure: set[str] = set()
        self._silent_seconds: dict[_Row, float] = {}
        self._looked_at = clock().monotonic()
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Say it, and go on saying it; the broker is to be subscribed to next."""
        await self._say()
        self._unsure.clear()
        self._task = asyncio.create_task(self._run(), name="hearing")

    @property
    def is_running(self) -> bool:
        """Whether it goes on being said."""
        return self._task is not None and not self._task.done()

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
                await self.turn()
            except Exception as error:
                # Whatever it is: a process that is silent is taken for gone.
                _log.warning("hearing.failed", group=self._group, error=str(error))

    async def turn(self) -> None:
        """Say it once; give up what nobody else has said for an hour."""
        await self._say()
        await self._subscribe()
        await self._give_up()
        await self._subscribe()

    async def _say(self) -> None:
        patient_until = clock().monotonic() + _LEAVING_SECONDS
        while not self._stopping.is_set():
            is_patient = clock().monotonic() < patient_until
            async with self._database.transaction() as transaction:
                unsure = await say(
                    transaction, self._group, self._topics, is_patient=is_patient
                )
            if unsure is not None:
                self._unsure.update(unsure)
                return
            await clock().sleep(_LOOK_SECONDS)

    async def _subscribe(self) -> None:
        """Subscribe again to what others may have given up while we were silent."""
        if self._unsure and self._broker is not None:
            await self._broker.subscribe_again(self._group, sorted(self._unsure))
        self._unsure.clear()

    async def _give_up(self) -> None:
        async with self._database.transaction() as transaction:
            rows = await of_others(transaction, self._group, self._topics)
            topics = self._silent(rows)
            if topics:
                await leave(transaction, self._group, topics, self._owner)
        if not topics:
            return
        # Outside of a transaction: the broker may take its time.
        if self._broker is not None:
            await self._broker.unsubscribe(self._group, topics)
        async with self._database.transaction() as transaction:
            gone = await left(transaction, self._group, self._owner)
        for topic in gone:
            _log.warning("topic.given_up", group=self._group, topic=topic)
        # Who waited for us in vain has subscribed meanwhile, and may be undone.
        self._unsure.update(set(topics) - set(gone))

    def _silent(self, rows: Sequence[_Row]) -> list[str]:
        """Return the topics of rows that have not changed for an hour of looking."""
        now = clock().monotonic()
        # While this process stood still, those who would have said it may have as well.
        passed = min(max(0.0, now - self._looked_at), 2 * SAY_SECONDS)
        self._looked_at = now
        known = self._silent_seconds
        self._silent_seconds = {
            row: known[row] + passed if row in known else 0.0 for row in rows
        }
        return sorted(
            topic
            for (topic, _, leaving), seconds in self._silent_seconds.items()
            if seconds >= GIVE_UP_SECONDS or leaving == self._owner
        )
