"""A service that counts what was sold; it fails while there is a file `broken`."""

from pathlib import Path

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from fleetwright import Service, Settings
from fleetwright.database import AsyncDatabase
from fleetwright.events import (
    Consumer,
    Event,
    Outbox,
    Redelivery,
    Subscriptions,
    connect,
    publish,
)

subscriptions = Subscriptions()
BROKEN = Path("broken")


class TillsSettings(Settings):
    """Settings of the tills service."""

    database_url: str = "sqlite+aiosqlite:///tills.db"


class Sold(Event, topic="shops.sold"):
    """Something was sold."""

    till: str
    pence: int
    card_number: str = ""


class Counted(Event, topic="tills.counted"):
    """What was sold has been counted."""

    till: str


class TillBrokenError(Exception):
    """The till cannot count."""


@subscriptions.on(Sold, redelivery=Redelivery(attempts=1))
async def count(sold: Sold, transaction: AsyncSession) -> None:
    """Add up what was sold."""
    if BROKEN.exists():  # noqa: ASYNC240 - one look, in a test
        raise TillBrokenError("token=abcdefgh")
    row = {"till": sold.till, "pence": sold.pence}
    insert = text("insert into takings(till, pence) values (:till, :pence)")
    await transaction.execute(insert, row)
    publish(transaction, Counted(till=sold.till))


def create_app() -> Service:
    """Return the tills service."""
    settings = TillsSettings.load()
    service = Service("tills", settings)
    database = service.add(AsyncDatabase(settings.database_url))
    broker = service.add(connect(settings.broker_url))
    service.add(Outbox(database, broker))
    service.add(Consumer(database, broker, subscriptions))
    return service
