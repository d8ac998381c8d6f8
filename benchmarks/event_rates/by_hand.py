"""FastStream and the guarantees by hand: outbox, relay, inbox, in SQLAlchemy.

What an engineer writes who knows the pattern: a relay that publishes a batch and waits
for its confirms together, an inbox row in the transaction of the effect, a message
that failed given back. Where the order of a key counts, its lock is taken before its
row gets a number, and each lane is heard one message at a time.
"""

import asyncio
from collections.abc import Callable, Sequence

from sqlalchemy import BigInteger, LargeBinary, delete, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from event_rates.faststream_side import (
    Publish,
    Sold,
    body_of,
    broker_of,
    hear,
    publisher,
    sold,
)
from event_rates.job import Job, Report, Seen, produce, run

BATCH = 128
POLL_SECONDS = 0.05  # for what other processes commit
Sessions = async_sessionmaker[AsyncSession]

_lock_keys = text(
    "select pg_advisory_xact_lock(hashtextextended(key, 0)) "
    "from (select unnest(cast(:keys as text[])) as key order by 1) as sorted"
)


class Rows(DeclarativeBase):
    """The tables of the shop."""


class Sale(Rows):
    """What the producer's transaction is about."""

    __tablename__ = "sale"
    number: Mapped[int] = mapped_column(primary_key=True)
    customer: Mapped[str]


class OutboxRow(Rows):
    """An event that is to be published."""

    __tablename__ = "outbox"
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=True)
    customer: Mapped[str]
    body: Mapped[bytes] = mapped_column(LargeBinary)


class InboxRow(Rows):
    """An event that was heard."""

    __tablename__ = "inbox"
    id: Mapped[str] = mapped_column(primary_key=True)


class Effect(Rows):
    """What the consumer's transaction is about; no key that would hide a double."""

    __tablename__ = "effect"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    number: Mapped[int]
    customer: Mapped[str]


SALES, OUTBOX, INBOX, EFFECTS = (
    Rows.metadata.tables[name] for name in ("sale", "outbox", "inbox", "effect")
)


async def made(url: str, connections: int) -> Sessions:
    """Return sessions on a database with the tables of the shop.

    Args:
        url: Where it is.
        connections: How many are used at a time.
    """
    engine = create_async_engine(url, pool_size=connections)
    async with engine.begin() as connection:
        await connection.run_sync(Rows.metadata.create_all)
    return async_sessionmaker(engine, expire_on_commit=False)


async def main(job: Job, ready: Callable[[], None]) -> Report:
    """Play one role.

    Args:
        job: Which.
        ready: Called when it can begin.
    """
    if job.role == "consume":
        return await _consume(job, ready)
    sessions = await made(job.producing, job.publishers + 1)
    send = publisher(await broker_of(job, strict=True), job)
    woken, done = asyncio.Event(), asyncio.Event()

    async def sell(numbers: Sequence[int], begun: float) -> None:
        events = [sold(number, begun) for number in numbers]
        async with sessions.begin() as session:
            await session.execute(
                insert(SALES),
                [{"number": it.number, "customer": it.customer} for it in events],
            )
            if job.is_ordered:
                await session.execute(
                    _lock_keys, {"keys": [it.customer for it in events]}
                )
            await session.execute(
                insert(OUTBOX),
                [{"customer": it.customer, "body": body_of(it)} for it in events],
            )
        woken.set()

    relaying = asyncio.create_task(_relay(sessions, send, woken, done))
    ready()
    report = await produce(job, sell)
    done.set()
    woken.set()
    await relaying
    return report


async def _relay(
    sessions: Sessions, send: Publish, woken: asyncio.Event, done: asyncio.Event
) -> None:
    """Publish what is committed, until a look after the last commit finds nothing."""
    while True:
        is_last = done.is_set()
        woken.clear()
        if await _published(sessions, send):
            continue
        if is_last:
            return
        try:
            async with asyncio.timeout(POLL_SECONDS):
                await woken.wait()
        except TimeoutError:
            pass


async def _published(sessions: Sessions, send: Publish) -> int:
    """Publish a batch; it is gone from the table only when all of it was confirmed."""
    oldest = (
        select(OutboxRow.seq).order_by(OutboxRow.seq).limit(BATCH).with_for_update()
    )
    async with sessions.begin() as session:
        taken = await session.execute(
            delete(OutboxRow)
            .where(OutboxRow.seq.in_(oldest.scalar_subquery()))
            .returning(OutboxRow.seq, OutboxRow.customer, OutboxRow.body)
        )
        rows = sorted(taken.tuples())
        await asyncio.gather(*(send(customer, body) for _, customer, body in rows))
    return len(rows)


async def _consume(job: Job, ready: Callable[[], None]) -> Report:
    seen = Seen(job.count)
    sessions = await made(job.consuming, job.lanes * job.prefetch)

    async def heard(event: Sold) -> None:
        async with sessions.begin() as session:
            is_new = await session.scalar(
                insert(INBOX)
                .values(id=event.id)
                .on_conflict_do_nothing()
                .returning(InboxRow.id)
            )
            if is_new:
                effect = {"number": event.number, "customer": event.customer}
                await session.execute(insert(EFFECTS), effect)
        seen.add(event.number, event.begun)

    broker = await broker_of(job, strict=True)
    hear(broker, job, heard, strict=True)
    await broker.start()
    ready()
    return await seen.wait()


if __name__ == "__main__":
    run(main)
