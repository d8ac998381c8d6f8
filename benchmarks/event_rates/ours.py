"""The shop on fleetwright: publish in the transaction, outbox, consumer."""

from collections.abc import Callable, Sequence

from sqlalchemy import event as hooks
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from event_rates.job import TEXT, Job, Report, Seen, key_of, produce, run, timed
from fleetwright import _logs
from fleetwright.database import AsyncDatabase
from fleetwright.events import (
    Broker,
    Consumer,
    Event,
    Outbox,
    Subscriptions,
    connect,
    publish,
)

RELAY_ROWS = 500  # published in one transaction, before the relay begins


class Rows(DeclarativeBase):
    """The tables of the shop."""


class Sale(Rows):
    """What the producer's transaction is about."""

    __tablename__ = "sale"
    number: Mapped[int] = mapped_column(primary_key=True)
    customer: Mapped[str]


class Effect(Rows):
    """What the consumer's transaction is about; no key that would hide a double."""

    __tablename__ = "effect"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    number: Mapped[int]
    customer: Mapped[str]


SALES, EFFECTS = (Rows.metadata.tables[name] for name in ("sale", "effect"))


def event_of(topic: str) -> type[Event]:
    """Return the event of a run.

    Args:
        topic: What it is called.
    """

    class Sold(Event, topic=topic):
        customer: str
        number: int
        begun: float
        text: str

    return Sold


async def made(url: str) -> AsyncDatabase:
    """Return a database with the tables of the shop.

    Args:
        url: Where it is.
    """
    database = AsyncDatabase(url)
    await database.open()
    async with database.engine.begin() as connection:
        await connection.run_sync(Rows.metadata.create_all)
    return database


async def main(job: Job, ready: Callable[[], None]) -> Report:
    """Play one role.

    Args:
        job: Which.
        ready: Called when it can begin.
    """
    broker = connect(job.broker)
    await broker.open()
    database = await made(job.consuming if job.role == "consume" else job.producing)
    if job.role == "consume":
        return await _consume(job, ready, database, broker)
    kind, outbox = event_of(job.topic), Outbox(database, broker)

    def one(number: int, begun: float) -> Event:
        return kind(customer=key_of(number), number=number, begun=begun, text=TEXT)

    async def sell(numbers: Sequence[int], begun: float) -> None:
        async with database.transaction() as transaction:
            await transaction.execute(
                insert(SALES),
                [{"number": it, "customer": key_of(it)} for it in numbers],
            )
            for number in numbers:
                publish(transaction, one(number, begun))

    if job.role == "produce":
        await outbox.open()
        ready()
        report = await produce(job, sell)
        await outbox.drain()
        return report

    # The group has its queues, and nobody receives: only publishing is measured.
    await (await broker.subscribe(f"{job.topic}.g", [job.topic])).close()
    await outbox.open()  # makes the tables
    await outbox.close()
    for first in range(0, job.count, RELAY_ROWS):
        async with database.transaction() as transaction:
            for number in range(first, min(job.count, first + RELAY_ROWS)):
                publish(transaction, one(number, 0.0))

    async def relay() -> None:
        await outbox.open()
        await outbox.drain()

    ready()
    return await timed(relay)


async def _consume(
    job: Job, ready: Callable[[], None], database: AsyncDatabase, broker: Broker
) -> Report:
    seen, subscriptions = Seen(job.count), Subscriptions()

    @subscriptions.on(event_of(job.topic))
    async def sold(event: Event, transaction: AsyncSession) -> None:
        number, customer = event.number, event.customer  # type: ignore[attr-defined]
        effect = {"number": number, "customer": customer}
        await transaction.execute(insert(EFFECTS), effect)
        told = transaction.sync_session.info.setdefault("told", [])
        told.append((number, event.begun))  # type: ignore[attr-defined]

    def committed(session: Session) -> None:
        if not session.in_nested_transaction():
            for number, begun in session.info.pop("told", ()):
                seen.add(number, begun)

    hooks.listen(Session, "after_commit", committed)
    consumer = Consumer(database, broker, subscriptions, group=f"{job.topic}.g")
    await consumer.open()
    ready()
    report = await seen.wait()
    await consumer.drain()
    return report


if __name__ == "__main__":
    from fleetwright import Settings

    _logs.set_up("rates", Settings(log_level="WARNING"))
    run(main)
