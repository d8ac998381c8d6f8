"""Fixtures shared by the tests of notifications."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from sqlalchemy import select

from fleetwright.database import AsyncDatabase
from fleetwright.testing import FakeBroker, service_of, serving
from notifications.app import create_app
from notifications.settings import NotificationsSettings
from notifications.tables import MailRow

Mails = Callable[[], Awaitable[list[MailRow]]]


@pytest.fixture
async def mails(broker: FakeBroker) -> AsyncIterator[Mails]:
    """Run notifications in memory; return how the mails sent so far are read."""
    app = create_app(
        NotificationsSettings(
            database_url="sqlite+aiosqlite://", broker_url="memory://notifications"
        )
    )
    database = service_of(app).find(AsyncDatabase)

    async def sent() -> list[MailRow]:
        async with database.reading() as reading:
            return list(await reading.scalars(select(MailRow).order_by(MailRow.id)))

    async with serving(app, broker=broker):
        yield sent
