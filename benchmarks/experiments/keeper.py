"""A service that keeps two rows for each request, both or neither."""

import asyncio
import os
from typing import Annotated, Any

from fastapi import FastAPI
from pydantic import BaseModel
from sqlalchemy import text

from experiments.apps import Leaf
from fleetwright import Service, Settings
from fleetwright.database import AsyncDatabase
from fleetwright.fastapi import Uses, mount
from fleetwright.resilience import Bulkhead, Pipeline, Retry, Timeout
from fleetwright.rest import rest

PLACES = 16
_MAKE = "create table if not exists halves (pair text, half integer)"
_KEEP = "insert into halves values (:pair, :half)"
_ODD = "select count(*) from (select pair from halves group by pair having count(*)<>2)"


class AtRest(BaseModel):
    """What a service holds while nobody calls it.

    Attributes:
        tasks: Tasks of its loop.
        in_flight: Calls it believes to be answering, this one left out.
        admitted: Places for calls in flight that are taken, this one left out.
        used: Places of the bulkhead that are taken.
        waiting: Who waits for one.
        pairs: Pairs that are kept.
        odd: Pairs of which only one row is kept.
    """

    tasks: int
    in_flight: int
    admitted: int
    used: int
    waiting: int
    pairs: int
    odd: int


class Rows:
    """The part that makes the table."""

    def __init__(self, database: AsyncDatabase) -> None:
        """Keep where."""
        self._database = database

    async def open(self) -> None:
        """Make the table."""
        async with self._database.transaction() as transaction:
            await transaction.execute(text(_MAKE))


def create_keeper() -> FastAPI:
    """Return the service."""
    settings = Settings.load()
    service = Service("keeper", settings)
    database = AsyncDatabase(os.environ["DATABASE_URL"])
    pipeline = Pipeline(
        "leaf", Timeout(2.0), Retry(), Bulkhead(PLACES, waiting=64), Timeout(1.0)
    )
    service.add(database)
    service.add(Rows(database))
    leaf: Any = service.add(rest(Leaf, provider="leaf", pipeline=pipeline))
    app = FastAPI()
    kept = Annotated[AsyncDatabase, Uses(AsyncDatabase)]

    @app.get("/v1/pairs/{pair}")
    async def keep(pair: str, rows: kept) -> str:
        await leaf.thing()
        async with rows.transaction() as transaction:
            await transaction.execute(text(_KEEP), {"pair": pair, "half": 1})
            await asyncio.sleep(0.01)
            await transaction.execute(text(_KEEP), {"pair": pair, "half": 2})
        return pair

    @app.get("/at-rest")
    async def at_rest(rows: kept) -> AtRest:
        async with rows.reading() as reading:
            odd = await reading.scalar(text(_ODD))
            pairs = await reading.scalar(
                text("select count(distinct pair) from halves")
            )
        bulkhead: Any = pipeline.facts()["bulkhead"]
        return AtRest(
            tasks=len(asyncio.all_tasks()),
            in_flight=service.lifecycle.in_flight - 1,
            admitted=service.admission.in_flight - 1,
            used=bulkhead["used"],
            waiting=bulkhead["waiting"],
            pairs=pairs or 0,
            odd=odd or 0,
        )

    return mount(app, service)
