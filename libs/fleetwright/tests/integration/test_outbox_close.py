"""How an outbox stops."""

import asyncio
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from fleetwright import Service, Settings
from fleetwright.database import AsyncDatabase
from fleetwright.events import Event, Outbox, publish
from fleetwright.testing import FakeBroker


class Said(Event, topic="close.said"):
    """What the service publishes."""

    number: UUID


@pytest.mark.parametrize("number", range(0, 60, 2))
async def test_stopping_cuts_no_statement(number: int) -> None:
    """Cut within one, a database in memory would be gone, and closing would fail."""
    service = Service("shop", Settings(auth="off"))
    database = service.add(AsyncDatabase("sqlite+aiosqlite://"))
    broker = service.add(FakeBroker())
    service.add(Outbox(database, broker))
    await service.open()
    async with database.transaction() as transaction:
        publish(transaction, Said(number=UUID(int=number)))
    await broker.settle()
    for _ in range(number):  # it stops at another moment each time
        await asyncio.sleep(0)

    with capture_logs() as logged:
        await service.close()

    assert [it for it in logged if it["event"] == "part.close_failed"] == []
    assert broker.published == [Said(number=UUID(int=number))]
