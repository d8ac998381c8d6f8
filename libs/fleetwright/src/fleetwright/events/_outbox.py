"""Outbox: rows to broker, in order per key, at least once."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final
from uuid import uuid4

import structlog
from sqlalchemy import and_, case, delete, func, or_, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from fleetwright import _crash
from fleetwright._clock import clock
from fleetwright.database import AsyncDatabase, Database
from fleetwright.errors import FleetwrightError, Unavailable
from fleetwright.events import _metrics
from fleetwright.events._backlog import MOST_WAITING, Backlog
from fleetwright.events._broker import Broker, Passing
from fleetwright.events._envelope import Message
from fleetwright.events._publish import on_commit
from fleetwright.events._retention import Retention
from fleetwright.events._tables import (
    PRODUCER_TABLES,
    OutboxRow,
    ensure,
    outbox,
    relay_lease,
)
from fleetwright.events._upkeep import of_outbox
from fleetwright.events._watch import OutboxWatch

LEASE_SECONDS = 2.0
BATCH = 128
POLL_SECONDS = 0.5
PUBLISH_SECONDS = 5.0
MOST_ATTEMPTS = 10
_LONGEST_PAUSE_SECONDS = 5.0
_STOP_SECONDS = 0.5  # for the batch that is being carried
_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("fleetwright")


class Outbox:
    """The relay: carries what `publish` wrote to the broker.

    A part of a service. At least once, in order per key. Several processes may relay
    one database: a lane belongs to one of them at a time, by lease. A commit in this
    process wakes the relay at once; what others committed is found within half a
    second.

    Attributes:
        database: Where the events were published.
        broker: Where they go.
    """

    is_essential: Final = False

    def __init__(
        self,
        database: AsyncDatabase | Database,
        broker: Broker,
        *,
        most_waiting: int | None = MOST_WAITING,
        retention: Retention | None = None,
    ) -> None:
        """Describe the relay; nothing runs yet.

        Args:
            database: Where the events are published.
            broker: Where they go.
            most_waiting: How many events may wait for the broker; from then on
                `publish` raises `Unavailable`. None for as many as the disk takes.
            retention: How long what the broker refused is kept; forever when None.
        """
        self.database = database
        # Events are carried on the loop, also those that were published in threads.
        self._store = database.on_loop if isinstance(database, Database) else database
        self.broker = broker
        self._watch = OutboxWatch(self._store)
        self._upkeep = of_outbox(self._store, retention or Retention())
        self._owner = ""
        self._lease_until = 0.0
        self._stopping = False
        self._woken = asyncio.Event()
        self._emptied = asyncio.Event()
        self._relaying: asyncio.Task[None] | None = None
        self._forget = _nothing
        self._published = 0
        self._backlog = Backlog(most_waiting)
        self._trouble: str | None = None
        self._drains = 0
        self._emptied_for = 0

    async def open(self) -> None:
        """Make the tables and start relaying."""
        await ensure(self._store, PRODUCER_TABLES)
        await self.broker.open()
        self._owner = str(uuid4())
        self._woken, self._emptied = asyncio.Event(), asyncio.Event()
        loop = asyncio.get_running_loop()

        def told(_: Sequence[Message]) -> None:
            loop.call_soon_threadsafe(self._woken.set)

        self._forget = on_commit(self.database.engine.pool, told)
        self._stopping = False
        self._relaying = asyncio.create_task(self._run(), name="outbox")

    async def drain(self) -> None:
        """Carry what was committed so far; what is not carried stays in the table."""
        if self._relaying is None or self._relaying.done():
            return
        # A round that was under way may have looked before the last commit: only one
        # that begins after this call can tell that nothing is left.
        self._drains += 1
        asked = self._drains
        while self._emptied_for < asked:
            self._emptied.clear()
            self._woken.set()
            await self._emptied.wait()

    async def close(self) -> None:
        """Stop relaying and let others take the lanes at once."""
        self._forget()
        if self._relaying is None:
            return
        # Asked before it is cut: cut within a statement it takes the connection along,
        # and with it a database in memory.
        self._stopping = True
        self._woken.set()
        await asyncio.wait((self._relaying,), timeout=_STOP_SECONDS)
        self._relaying.cancel()
        await asyncio.gather(self._relaying, return_exceptions=True)
        self._relaying = None
        if self._lease_until > clock().monotonic():
            async with self._store.transaction() as transaction:
                await transaction.execute(
                    update(relay_lease)
                    .where(relay_lease.c.owner == self._owner)
                    .values(until=0.0)
                )

    async def check(self) -> None:
        """Raise when events do not leave.

        Raises:
            FleetwrightError: The relay is not running.
            Unavailable: The broker is away, or refuses for now.
        """
        if self._relaying is None or self._relaying.done():
            raise FleetwrightError(
                "the outbox is not being relayed",
                where=self.database.url,
                hint="look for `outbox.relay_failed` in the log, restart the service",
            )
        if self._trouble is not None:
            raise Unavailable(
                f"events wait in the outbox: {self._trouble}",
                reason="status",
                provider="the broker",
                where=self.database.url,
                hint="nothing is lost; they leave when they can",
            )

    async def facts(self) -> dict[str, object]:
        """Return what waits and what was given up.

        Returns:
            `pending`, `parked` (refused by the broker), `oldest_seconds` (age of the
            oldest that waits) and `published` (by this process).
        """
        waits = outbox.c.parked_at.is_(None)
        async with self._store.reading() as session:
            pending, oldest, parked = (
                await session.execute(
                    select(
                        func.count().filter(waits),
                        func.min(outbox.c.created_at).filter(waits),
                        func.count(outbox.c.parked_at),
                    )
                )
            ).one()
        age = 0.0 if oldest is None else max(0.0, clock().now() - oldest)
        return {
            "pending": pending,
            "parked": parked,
            "oldest_seconds": round(age, 3),
            "published": self._published,
        }

    async def _run(self) -> None:
        failures = 0
        while not self._stopping:
            self._woken.clear()
            asked = self._drains
            await self._watch.look()
            await self._upkeep.tend()
            try:
                carried = await self._relay()
            except (FleetwrightError, SQLAlchemyError, OSError) as error:
                failures += 1
                self._trouble = str(error).splitlines()[0]
                await self._count()
                pause = min(_LONGEST_PAUSE_SECONDS, 0.1 * 2 ** min(failures, 10))
                _log.warning("outbox.relay_failed", error=str(error), again_in=pause)
                await clock().sleep(pause)
                continue
            failures = 0
            if carried >= BATCH or self._backlog.waiting:
                await self._count()
            if not carried:
                self._emptied_for = asked
                self._emptied.set()
                await self._wait()

    async def _count(self) -> None:
        """Look how many wait, at most every two seconds."""
        backlog = self._backlog
        if not backlog.is_due:
            return
        pools = {self.database.engine.pool, self._store.engine.pool}
        try:
            async with self._store.reading() as session:
                waiting = (await session.execute(backlog.question())).scalar_one()
        except (FleetwrightError, SQLAlchemyError, OSError):
            return  # the database is away as well: its own check tells
        backlog.saw(waiting, *pools)

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(POLL_SECONDS):
                await self._woken.wait()
        except TimeoutError:
            pass  # the slow poll: another process may have published

    async def _relay(self) -> int:
        """Carry one batch; return how many events left."""
        rows = await self._read()
        if not rows:
            self._trouble = None
            return 0
        _crash.point("relay.before_publish")
        messages = [row.message() for row in rows]
        refused = await self._send(messages)
        self._trouble = next(iter(refused.values()), None)
        _crash.point("relay.after_publish")
        _metrics.relayed(_metrics.system_of(self.broker), messages, refused)
        carried = [row for row in rows if row.id not in refused]
        async with self._store.transaction() as transaction:
            await self._forget_rows(transaction, carried)
            await _keep_refused(transaction, refused)
        _crash.point("relay.after_delete")
        self._published += len(carried)
        return len(carried)

    async def _read(self) -> Sequence[OutboxRow]:
        """Return the oldest rows of the lanes that are ours."""
        async with self._store.reading() as session:
            if not await session.scalar(_ANY):
                return []
        if self._lease_until - clock().monotonic() < LEASE_SECONDS * 2 / 3:
            async with self._store.transaction() as transaction:
                await self._take_lanes(transaction)
        mine = select(relay_lease.c.lane).where(relay_lease.c.owner == self._owner)
        rows = (
            select(OutboxRow)
            .where(OutboxRow.parked_at.is_(None), OutboxRow.lane.in_(mine))
            .order_by(OutboxRow.seq)
            .limit(BATCH)
        )
        async with self._store.reading() as session:
            return (await session.scalars(rows)).all()

    async def _take_lanes(self, transaction: AsyncSession) -> None:
        """Renew our lanes and take those whose owner has not renewed in time."""
        now, taken_at = clock().now(), clock().monotonic()
        lease = relay_lease.c
        changes_hands = or_(lease.owner.is_(None), lease.owner != self._owner)
        await transaction.execute(
            update(relay_lease)
            .where(
                or_(
                    lease.owner == self._owner,
                    lease.until <= now,
                    # The time of day was put back: no lease ends that far ahead.
                    lease.until > now + 2 * LEASE_SECONDS,
                )
            )
            .values(
                owner=self._owner,
                epoch=case((changes_hands, lease.epoch + 1), else_=lease.epoch),
                until=now + LEASE_SECONDS,
            )
        )
        self._lease_until = taken_at + LEASE_SECONDS

    async def _send(self, messages: Sequence[Message]) -> Mapping[str, str]:
        try:
            async with asyncio.timeout(PUBLISH_SECONDS):
                return await self.broker.publish(messages)
        except TimeoutError:
            raise Unavailable(
                "the broker did not confirm in time",
                reason="timeout",
                provider="broker",
                hint="it is tried again; look at the broker if this goes on",
            ) from None

    async def _forget_rows(
        self, transaction: AsyncSession, rows: Sequence[OutboxRow]
    ) -> None:
        # Only while the lane is ours: its next owner may be publishing the same rows,
        # and must find them until it knows they are with the broker.
        mine = select(relay_lease.c.lane).where(relay_lease.c.owner == self._owner)
        carried = outbox.c.seq.in_([row.seq for row in rows])
        await transaction.execute(
            delete(outbox).where(carried, outbox.c.lane.in_(mine))
        )


_ANY = select(select(outbox.c.seq).where(outbox.c.parked_at.is_(None)).exists())


async def _keep_refused(transaction: AsyncSession, refused: Mapping[str, str]) -> None:
    """Count the refusal; give an event up after ten, so that its lane goes on.

    What is refused for now is not counted: it is good, and offered until it is taken.
    """
    now = clock().now()
    for id, reason in refused.items():
        one_more = 0 if isinstance(reason, Passing) else 1
        last = outbox.c.attempts + one_more >= MOST_ATTEMPTS
        result = await transaction.execute(
            update(outbox)
            .where(and_(outbox.c.id == id))
            .values(
                attempts=outbox.c.attempts + one_more,
                last_error=str(reason),
                parked_at=case((last, now), else_=None),
            )
            .returning(outbox.c.parked_at, outbox.c.topic)
        )
        row = result.one_or_none()
        if row is not None and row.parked_at is not None:
            _log.error("outbox.parked", message=id, topic=row.topic, reason=reason)


def _nothing() -> None:
    """Forget nothing: the outbox was never opened."""
