"""A service that keeps rows, and with a broker publishes and hears of each."""

import os

from fastapi import FastAPI
from pydantic import BaseModel
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from fleetwright import Service, Settings
from fleetwright.database import AsyncDatabase
from fleetwright.events import Consumer, Event, Outbox, Subscriptions, connect, publish
from fleetwright.fastapi import mount

_TABLES = (
    "create table if not exists kept (n integer primary key, filler text)",
    "create table if not exists heard (n integer)",
)


class Kept(Event, topic="shelf.kept"):
    """A row was kept."""

    n: int


class Shelf(BaseModel):
    """What the service has.

    Attributes:
        kept: The numbers of its rows.
        heard: The numbers it heard of, one for each time.
    """

    kept: list[int]
    heard: list[int]


class Tables:
    """The part that makes the tables."""

    def __init__(self, database: AsyncDatabase) -> None:
        """Keep where."""
        self._database = database

    async def open(self) -> None:
        """Make them."""
        async with self._database.transaction() as transaction:
            for table in _TABLES:
                await transaction.execute(text(table))


def create_shelf() -> FastAPI:
    """Return the service."""
    service = Service("shelf", Settings.load())
    database = AsyncDatabase(os.environ["DATABASE_URL"])
    broker_url = os.environ.get("BROKER_URL")
    service.add(database)
    service.add(Tables(database))
    if broker_url is not None:
        broker = service.add(connect(broker_url))
        service.add(Outbox(database, broker))
        service.add(Consumer(database, broker, _subscriptions()))
    app = FastAPI()

    @app.put("/v1/rows/{n}")
    async def keep(n: int, filler_bytes: int = 0) -> int:
        row = {"n": n, "filler": "x" * filler_bytes}
        async with database.transaction() as transaction:
            insert = text("insert into kept values (:n, :filler)")
            await transaction.execute(insert, row)
            if broker_url is not None:
                publish(transaction, Kept(n=n))
        return n

    @app.get("/v1/rows")
    async def rows() -> Shelf:
        async with database.reading() as session:
            kept = await session.scalars(text("select n from kept"))
            heard = await session.scalars(text("select n from heard"))
            return Shelf(kept=list(kept), heard=list(heard))

    return mount(app, service)


def _subscriptions() -> Subscriptions:
    subscriptions = Subscriptions()

    @subscriptions.on(Kept)
    async def hear(kept: Kept, transaction: AsyncSession) -> None:
        await transaction.execute(text("insert into heard values (:n)"), {"n": kept.n})

    return subscriptions
