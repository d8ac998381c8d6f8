"""A producer and a consumer in one process whose metrics are printed as JSON.

Argument: a folder. Of four events of one key each, one is refused by its reaction at
first, one always, one is not what its reader declared.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import structlog
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from fleetwright.database import AsyncDatabase
from fleetwright.events import (
    Consumer,
    Event,
    Outbox,
    Redelivery,
    Subscriptions,
    _metrics,
    connect,
    publish,
)

FOLDER = Path(sys.argv[1])
structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))


class Sold(Event, topic="shops.sold"):
    """Something was sold."""

    till: str
    pence: int = 1


class Odd(Event, topic="shops.odd"):
    """What the reader of it declares otherwise."""

    till: str


class OddAsRead(Event, topic="shops.odd", version=2):
    """The same in a version that nobody sends."""

    till: str


hearing = Subscriptions()
tried: dict[str, int] = {}
DEAD = "fleetwright.events.dead"


@hearing.on(Sold, redelivery=Redelivery(attempts=2, first_seconds=0.01))
async def count(sold: Sold, transaction: AsyncSession) -> None:
    """Count what was sold, unless the till is broken."""
    tried[sold.till] = tried.get(sold.till, 0) + 1
    if sold.till == "broken" or (sold.till == "late" and tried["late"] == 1):
        raise ValueError(sold.till)


@hearing.on(OddAsRead)
async def never(odd: OddAsRead, transaction: AsyncSession) -> None:
    """Never be called."""
    raise AssertionError


def points(reader: InMemoryMetricReader) -> dict[str, list[Any]]:
    """Return every metric: its unit, then attributes and value of each point."""
    data = reader.get_metrics_data()
    assert data is not None
    found: dict[str, list[Any]] = {}
    for resource in data.resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                found[metric.name] = [metric.unit]
                for point in metric.data.data_points:
                    number = getattr(point, "count", getattr(point, "value", None))
                    total = getattr(point, "sum", number)
                    found[metric.name].append(
                        [dict(point.attributes or {}), number, total]
                    )
    return found


def is_fresh(found: dict[str, list[Any]]) -> bool:
    """Return whether the gauges were looked up after the end of it all."""
    waits = [
        number
        for name in ("outbox.pending", "outbox.oldest_age", "events.lag")
        for _, number, _ in found.get(f"fleetwright.{name}", [0, [{}, 1, 1]])[1:]
    ]
    return len(found.get(DEAD, ())) == 3 and not any(waits)


async def settled(database: AsyncDatabase) -> None:
    """Wait until all is heard and what is to die is dead."""
    handled = text("select count(*) from fleet_inbox")
    dead = text("select count(*) from fleet_parked where state = 2")
    async with asyncio.timeout(60):
        while True:
            async with database.reading() as session:
                counts = [await session.scalar(one) for one in (handled, dead)]
            if counts == [2, 2]:
                return
            await asyncio.sleep(0.02)


async def main() -> None:
    """Publish, hear, and print what was measured."""
    reader = InMemoryMetricReader()
    metrics.set_meter_provider(MeterProvider([reader]))
    database = AsyncDatabase(f"sqlite+aiosqlite:///{FOLDER}/shops.db")
    broker = connect(f"embedded:///{FOLDER}/broker.db")
    outbox = Outbox(database, broker)
    consumer = Consumer(database, broker, hearing, group="tills")
    await database.open()
    await outbox.open()
    await consumer.open()
    reader.get_metrics_data()  # from now on somebody reads
    async with database.transaction() as transaction:
        for till in ("south", "late", "broken"):
            publish(transaction, Sold(till=till))
        publish(transaction, Odd(till="south"))
    await settled(database)
    _metrics.FRESH_SECONDS = 0.01  # a look that is older is made again
    async with asyncio.timeout(60):
        while not is_fresh(found := points(reader)):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    print(json.dumps(found))  # noqa: T201 - what the test reads
    await consumer.close()
    await outbox.close()
    await broker.close()
    await database.close()


asyncio.run(main())
