"""A desk that takes orders, publishes them and hears them itself; see test_degraded."""

import os

from fastapi import FastAPI
from pydantic import BaseModel
from sqlalchemy import text

from fleetwright import Service, Settings
from fleetwright.auth import public
from fleetwright.database import AsyncDatabase
from fleetwright.events import Consumer, Event, Outbox, Subscriptions, connect, publish
from fleetwright.fastapi import mount

TABLES = (
    "create table if not exists orders(n integer primary key)",
    "create table if not exists heard(n integer)",
)


class Placed(Event, topic=os.environ.get("TOPIC", "desk.placed")):
    """An order was placed."""

    n: int
    filler: str = ""


class Counts(BaseModel):
    """What the desk has.

    Attributes:
        orders: Orders that were kept.
        heard: Orders that were heard of.
        twice: Orders that were heard of more than once.
    """

    orders: int
    heard: int
    twice: int


class Tables:
    """The part that makes the tables."""

    def __init__(self, database: AsyncDatabase) -> None:
        """Keep where."""
        self._database = database

    async def open(self) -> None:
        """Make them."""
        async with self._database.transaction() as transaction:
            for table in TABLES:
                await transaction.execute(text(table))


def create_app() -> FastAPI:
    """Return the service."""
    service = Service("desk", Settings.load())
    database = AsyncDatabase(os.environ["DATABASE_URL"])
    broker = connect(os.environ["BROKER_URL"])
    subscriptions = Subscriptions()

    @subscriptions.on(Placed)
    async def hear(placed: Placed, transaction: object) -> None:
        await transaction.execute(  # type: ignore[attr-defined]
            text("insert into heard values (:n)"), {"n": placed.n}
        )

    service.add(database)
    service.add(Tables(database))
    service.add(broker)
    most = int(os.environ.get("MOST_WAITING", "1000000"))
    service.add(Outbox(database, broker, most_waiting=most))
    service.add(Consumer(database, broker, subscriptions))
    app = FastAPI()

    @public
    @app.post("/v1/orders/{n}", status_code=201)
    async def place(n: int, filler_bytes: int = 0) -> int:
        async with database.transaction() as transaction:
            await transaction.execute(text("insert into orders values (:n)"), {"n": n})
            publish(transaction, Placed(n=n, filler="x" * filler_bytes))
        return n

    @public
    @app.get("/v1/counts")
    async def counts() -> Counts:
        async with database.reading() as session:
            orders = await session.scalar(text("select count(*) from orders"))
            heard = await session.scalar(text("select count(distinct n) from heard"))
            every = await session.scalar(text("select count(*) from heard"))
        return Counts(orders=orders or 0, heard=heard or 0, twice=every - heard)

    return mount(app, service)
