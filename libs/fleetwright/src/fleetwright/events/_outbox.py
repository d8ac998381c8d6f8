"""Outbox: rows to broker, in order per key, at least once."""

import asyncio
from asyncio import FIRST_COMPLETED
from collections.abc import Awaitable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Final
from uuid import uuid4

import structlog
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from fleetwright import _crash, _spans
from fleetwright._clock import clock
from fleetwright.database import AsyncDatabase, Database
from fleetwright.errors import FleetwrightError, Unavailable
from fleetwright.events import _carrying, _metrics
from fleetwright.events._backlog import MOST_WAITING, Backlog
from fleetwright.events._broker import Broker
from fleetwright.events._carrying import BATCH, LEASE_SECONDS, Row
from fleetwright.events._envelope import Message
from fleetwright.events._held_back import HeldBack
from fleetwright.events._publish import on_commit
from fleetwright.events._retention import Retention
from fleetwright.events._tables import PRODUCER_TABLES, ensure, outbox
from fleetwright.events._tracing import carried
from fleetwright.events._upkeep import of_outbox
from fleetwright.events._watch import OutboxWatch

POLL_SECONDS = 0.5
PUBLISH_SECONDS = 5.0
_ROUND = 16 * BATCH  # events, before what else the relay does has its turn
_BUSY_POLL_SECONDS = 0.01  # what others publish comes in runs
_ROUND_SECONDS = 0.01  # from one round to the next: what comes meanwhile goes together
_LONGEST_PAUSE_SECONDS = 5.0
_STOP_SECONDS = 0.5  # for the batch that is being carried
_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("fleetwright")


class Outbox:
    """The relay: carries what `publish` wrote to the broker.

    A part of a service. At least once, in order per key. Several processes may relay
    one database: a lane belongs to one of them at a time, by lease. A commit in this
    process wakes the relay at once; what others committed is found within half a
    second, and while they go on within some hundredths.

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
        self._pause_seconds = POLL_SECONDS
        self._stopping = False
        self._woken = asyncio.Event()
        self._emptied = asyncio.Event()
        self._relaying: asyncio.Task[None] | None = None
        self._forget = _nothing
        self._published = 0
        self._backlog = Backlog(most_waiting)
        self._trouble: str | None = None
        self._held = HeldBack()
        self._drains = 0
        self._emptied_for = 0
        self._urgent = asyncio.Event()
        self._is_behind = False
        self._told = 0

    async def open(self) -> None:
        """Make the tables and start relaying."""
        await ensure(self._store, PRODUCER_TABLES)
        await self.broker.open()
        self._owner, self._lease_until = str(uuid4()), 0.0
        self._woken, self._emptied = asyncio.Event(), asyncio.Event()
        self._urgent = asyncio.Event()
        self._told = 0
        loop = asyncio.get_running_loop()

        def told(messages: Sequence[Message]) -> None:
            loop.call_soon_threadsafe(self._hear_of, len(messages))

        self._forget = on_commit(self.database.engine.pool, told)
        self._stopping = False
        self._relaying = asyncio.create_task(self._run(), name="outbox")

    def _hear_of(self, count: int) -> None:
        """Learn that events were committed in this process."""
        self._told += count
        self._woken.set()

    async def drain(self) -> None:
        """Carry what was committed so far; what is not carried stays in the table."""
        if self._relaying is None or self._relaying.done():
            return
        # A round that was under way may have looked before the last commit: only one
        # that begins after this call can tell that nothing is left.
        self._drains += 1
        asked, relaying = self._drains, self._relaying
        while self._emptied_for < asked and not relaying.done():
            self._emptied.clear()
            self._hurry()
            emptied = asyncio.ensure_future(self._emptied.wait())
            try:
                await asyncio.wait((emptied, relaying), return_when=FIRST_COMPLETED)
            finally:
                emptied.cancel()

    async def close(self) -> None:
        """Stop relaying and let others take the lanes at once."""
        self._forget()
        if self._relaying is None:
            return
        # Asked before it is cut: cut within a statement it takes the connection along,
        # and with it a database in memory.
        self._stopping = True
        self._hurry()
        await asyncio.wait((self._relaying,), timeout=_STOP_SECONDS)
        self._relaying.cancel()
        await asyncio.gather(self._relaying, return_exceptions=True)
        self._relaying = None
        if self._lease_until > clock().monotonic():
            async with self._store.transaction() as transaction:
                await _carrying.give_up_lanes(transaction, self._owner)

    def _hurry(self) -> None:
        self._urgent.set()
        self._woken.set()

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
            self._urgent.clear()
            asked, begun = self._drains, clock().monotonic()
            await self._watch.look()
            await self._upkeep.tend()
            try:
                carried = await self._carry()
            except (FleetwrightError, SQLAlchemyError, OSError) as error:
                failures += 1
                self._trouble = str(error).splitlines()[0]
                await self._count_waiting()
                pause = min(_LONGEST_PAUSE_SECONDS, 0.1 * 2 ** min(failures, 10))
                _log.warning("outbox.relay_failed", error=str(error), again_in=pause)
                await clock().sleep(pause)
                continue
            failures = 0
            if carried >= BATCH or self._backlog.waiting:
                await self._count_waiting()
            if carried > self._told:  # others publish here as well, and tell us nothing
                self._pause_seconds = min(_BUSY_POLL_SECONDS, POLL_SECONDS)
            self._told = max(0, self._told - carried) if carried else 0
            if self._is_behind:
                continue
            self._emptied_for = asked
            self._emptied.set()
            if carried:
                await self._rest(begun + _ROUND_SECONDS - clock().monotonic())
            await self._wait()

    async def _count_waiting(self) -> None:
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

    async def _rest(self, seconds: float) -> None:
        """Leave time to those who publish: a round of many costs little more."""
        if seconds > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._urgent.wait()

    async def _wait(self) -> None:
        """Wait for a commit here, or for a look at what others may have committed."""
        try:
            async with asyncio.timeout(self._pause_seconds):
                await self._woken.wait()
        except TimeoutError:
            self._pause_seconds = min(POLL_SECONDS, 1.1 * self._pause_seconds)

    async def _carry(self) -> int:
        """Carry what waits, a batch at a time; return how many events left.

        While a batch is published, the one before it is deleted and the next is read.
        """
        self._is_behind = False
        batch = await self._read()
        if not batch:
            self._held.nothing_waits()
            self._trouble = self._held.reason
        published: list[int] = []
        refused: Mapping[str, str] = {}
        carried = 0
        while batch and not refused and carried < _ROUND and not self._stopping:
            _crash.point("relay.before_publish")
            sending = asyncio.create_task(self._send(batch), name="publishing")
            try:
                following = await self._turn_over(published, beside=batch)
                refused = await sending
            except BaseException:
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)
                raise
            self._held.learn(batch, refused)
            self._trouble = self._held.reason
            _crash.point("relay.after_publish")
            messages = [row.message for row in batch]
            _metrics.relayed(_metrics.system_of(self.broker), messages, refused)
            published = [row.seq for row in batch if row.message.id not in refused]
            carried += len(published)
            if carried >= BATCH:
                await self._count_waiting()
            batch = following  # after a refusal it may be of the same keys: left
        if published or refused:
            async with self._store.transaction() as transaction:
                await _carrying.forget(transaction, self._owner, published)
                await _carrying.keep_refused(transaction, refused)
            self._count(published)
        # All that was there at the last look is carried, but for these; what was
        # refused is left out next, and what waits behind it has its turn at once.
        self._is_behind = bool(refused) or (carried > 0 and bool(batch))
        return carried

    async def _read(self) -> list[Row]:
        """Return the first batch; an idle relay only looks, and writes nothing."""
        if self._lease_is_short():
            async with self._store.reading() as session:
                if await _carrying.is_empty(session):
                    return []
            taken_at = clock().monotonic()
            async with self._store.transaction() as transaction:
                await _carrying.take_lanes(transaction, self._owner)
            self._lease_until = taken_at + LEASE_SECONDS
        async with self._store.reading() as session:
            return await _carrying.oldest(
                session, self._owner, beside=(), unless=self._held.unless()
            )

    async def _turn_over(
        self, published: Sequence[int], *, beside: Sequence[Row]
    ) -> list[Row]:
        """Delete what was published and return what comes next, in one transaction."""
        if not published and len(beside) < BATCH:
            return []  # it was all there was: no transaction to learn it again
        renews, now = self._lease_is_short(), clock().monotonic()
        async with self._store.transaction() as transaction:
            await _carrying.forget(transaction, self._owner, published)
            if renews:
                await _carrying.take_lanes(transaction, self._owner)
            following = await _carrying.oldest(
                transaction,
                self._owner,
                beside={row.seq for row in beside},
                unless=self._held.unless(),
            )
        if renews:
            self._lease_until = now + LEASE_SECONDS
        self._count(published)
        return following

    def _lease_is_short(self) -> bool:
        return self._lease_until - clock().monotonic() < LEASE_SECONDS * 2 / 3

    def _count(self, published: Sequence[int]) -> None:
        if published:
            _crash.point("relay.after_delete")
            self._published += len(published)

    async def _send(self, batch: Sequence[Row]) -> Mapping[str, str]:
        try:
            async with asyncio.timeout(PUBLISH_SECONDS):
                return await self._publish([row.message for row in batch])
        except TimeoutError:
            raise Unavailable(
                "the broker did not confirm in time",
                reason="timeout",
                provider="broker",
                hint="it is tried again; look at the broker if this goes on",
            ) from None

    def _publish(self, messages: Sequence[Message]) -> Awaitable[Mapping[str, str]]:
        publish = partial(self.broker.publish, messages)
        if _spans.tracer is None:
            return publish()
        system = _metrics.system_of(self.broker)
        headers = [message.headers for message in messages]
        return carried(publish, _spans.tracer, headers, system)


def _nothing() -> None:
    """Forget nothing: the outbox was never opened."""
