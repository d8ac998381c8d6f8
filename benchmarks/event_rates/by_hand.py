"""FastStream and the guarantees by hand: outbox, relay, inbox, in SQLAlchemy."""

import asyncio
import json
from collections.abc import Callable
from uuid import uuid4

from sqlalchemy import BigInteger, LargeBinary, delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from event_rates.faststream_side import body_of, declare, faststream_of, hear, publisher
from event_rates.job import TEXT, Job, Report, Seen, key_of, produce, run

BATCH = 128
POLL_SECONDS = 0.05


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
    id: Mapped[str]
    customer: Mapped[str]
    body: Mapped[bytes] = mapped_column(LargeBinary)


class InboxRow(Rows):
    """An event that was heard."""

    __tablename__ = "inbox"
    id: Mapped[str] = mapped_column(primary_key=True)


class Effect(Rows):
    """What the consumer's transaction is about."""

    __tablename__ = "effect"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    number: Mapped[int]
    customer: Mapped[str]


async def made(url: str) -> AsyncEngine:
    """Return an engine on a database with the tables of the shop.

    Args:
        url: Where it is.
    """
    engine = create_async_engine(url, pool_size=32)
    async with engine.begin() as connection:
        await connection.run_sync(Rows.metadata.create_all)
    return engine


async def main(job: Job, ready: Callable[[], None]) -> Report:
    """Play one role.

    Args:
        job: Which.
        ready: Called when it can begin.
    """
    if job.role == "consume":
        return await _consume(job, ready)
    engine = await made(job.producing)
    sessions = async_sessionmaker(engine, expire_on_commit=False)
    broker = faststream_of(job.broker, strict=True)
    await broker.connect()
    await declare(broker, job.broker, job.topic)
    send = publisher(broker, job.broker, job.topic)
    woken, empty = asyncio.Event(), asyncio.Event()

    async def relay() -> None:
        while True:
            woken.clear()
            async with sessions.begin() as session:
                rows = (
                    await session.scalars(
                        select(OutboxRow)
                        .order_by(OutboxRow.seq)
                        .limit(BATCH)
                        .with_for_update(skip_locked=True)
                    )
                ).all()
                if rows:
                    await asyncio.gather(*(send(it.customer, it.body) for it in rows))
                    seqs = [row.seq for row in rows]
                    await session.execute(
                        delete(OutboxRow).where(OutboxRow.seq.in_(seqs))
                    )
            if not rows:
                empty.set()
                try:
                    async with asyncio.timeout(POLL_SECONDS):
                        await woken.wait()
                except TimeoutError:
                    pass

    async def sell(number: int, begun: float) -> None:
        key, id = key_of(number), str(uuid4())
        body = body_of(customer=key, number=number, begun=begun, text=TEXT, id=id)
        async with sessions.begin() as session:
            session.add(Sale(number=number, customer=key))
            session.add(OutboxRow(id=id, customer=key, body=body))
        woken.set()

    relaying = asyncio.create_task(relay())
    ready()
    report = await produce(job, sell)
    empty.clear()
    woken.set()
    await empty.wait()
    relaying.cancel()
    return report


async def _consume(job: Job, ready: Callable[[], None]) -> Report:
    seen = Seen(job.count)
    sessions = async_sessionmaker(await made(job.consuming), expire_on_commit=False)

    async def effect(session: AsyncSession, number: int, customer: str) -> None:
        session.add(Effect(number=number, customer=customer))

    async def heard(body: bytes) -> None:
        event = json.loads(body)
        async with sessions.begin() as session:
            known = await session.execute(
                insert(InboxRow).values(id=event["id"]).on_conflict_do_nothing()
            )
            if known.rowcount:  # type: ignore[attr-defined]
                await effect(session, event["number"], event["customer"])
        seen.add(event["number"], event["begun"])

    broker = faststream_of(job.broker, strict=True)
    hear(broker, job.broker, job.topic, heard, at_once=job.at_once, strict=True)
    await broker.start()
    ready()
    await seen.all.wait()
    return seen.report


if __name__ == "__main__":
    run(main)
