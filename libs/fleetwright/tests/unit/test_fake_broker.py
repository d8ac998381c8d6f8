"""A broker in the hands of a test."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient
from sqlalchemy import delete, insert, select

from fleetwright._clock import clock as current_clock
from fleetwright._service import Service
from fleetwright._settings import Settings
from fleetwright.database import AsyncDatabase
from fleetwright.errors import DeclarationError, Unavailable
from fleetwright.events._envelope import encode
from fleetwright.events._event import Event
from fleetwright.events._publish import publish
from fleetwright.events._tables import (
    CONSUMER_TABLES,
    PRODUCER_TABLES,
    OutboxRow,
    ensure,
    inbox,
    parked,
)
from fleetwright.fastapi import mount
from fleetwright.testing import FakeBroker, serving

ID = UUID("00000000-0000-4000-8000-000000000001")


class Placed(Event, topic="fake.placed"):
    """What the service publishes."""

    order_id: UUID
    pence: int


class Paid(Event, topic="fake.paid"):
    """What the service hears; of a poor one it will not hear."""

    order_id: UUID
    poor: bool = False


class PaidMore(Event, topic="fake.paid"):
    """The same event as another service declares it."""

    order_id: UUID
    poor: bool = False
    method: str


class Outbox:
    """The least that carries rows to a broker."""

    def __init__(self, database: AsyncDatabase, broker: Any) -> None:
        """Carry rows of `database` to `broker`."""
        self.database, self.broker = database, broker

    async def open(self) -> None:
        """Begin to carry."""
        await ensure(self.database, PRODUCER_TABLES)
        self._task = asyncio.create_task(self._relay())

    async def close(self) -> None:
        """Stop."""
        self._task.cancel()

    async def _relay(self) -> None:
        while True:
            await asyncio.sleep(0.01)
            async with self.database.transaction() as transaction:
                rows = list(await transaction.scalars(select(OutboxRow)))
                await self.broker.publish([row.message() for row in rows])
                await transaction.execute(delete(OutboxRow))


class Consumer:
    """The least that hears each event once."""

    def __init__(self, database: AsyncDatabase, broker: Any) -> None:
        """Hear what `broker` delivers, remembered in `database`."""
        self.database, self.broker = database, broker

    async def open(self) -> None:
        """Begin to hear."""
        await ensure(self.database, CONSUMER_TABLES)
        self._receiver = await self.broker.subscribe("me", ["fake.paid"])
        self._task = asyncio.create_task(self._hear())

    async def close(self) -> None:
        """Stop."""
        self._task.cancel()
        await self._receiver.close()

    async def _hear(self) -> None:
        while True:
            for delivery in await self._receiver.receive(1):
                await self._handle(delivery)
                await self._receiver.acknowledge([delivery])

    async def _handle(self, delivery: Any) -> None:
        message = delivery.message
        async with self.database.transaction() as transaction:
            known = select(inbox).where(inbox.c.msg_id == message.id)
            if (await transaction.execute(known)).first():
                return
            if b'"poor":true' in message.body:
                row = {
                    "grp": "me",
                    "key": message.order_key,
                    "seq": delivery.position,
                    "lane": delivery.lane,
                    "msg_id": message.id,
                    "topic": message.topic,
                    "headers": "{}",
                    "body": message.body,
                    "attempts": 1,
                    "next_at": 0.0,
                    "state": 0,
                }
                await transaction.execute(insert(parked).values(row))
                return
            seen = {"grp": "me", "msg_id": message.id, "at": current_clock().now()}
            await transaction.execute(insert(inbox).values(seen))
            publish(transaction, Placed(order_id=ID, pence=2))


@pytest.fixture
async def http(broker: FakeBroker) -> AsyncIterator[AsyncClient]:
    """Serve a service that publishes and hears."""
    database = AsyncDatabase("sqlite+aiosqlite://")
    service = Service("fake", Settings())
    service.add(database)
    service.add(Outbox(database, broker))
    service.add(Consumer(database, broker))
    app = FastAPI()

    @app.post("/orders")
    async def place() -> None:
        async with database.transaction() as transaction:
            publish(transaction, Placed(order_id=ID, pence=1))

    async with serving(mount(app, service), broker=broker) as http:
        yield http


async def test_what_a_request_published_is_there_with_its_response(
    http: AsyncClient, broker: FakeBroker
) -> None:
    """Events are compared as the service declares them."""
    await http.post("/orders")

    assert broker.published == [Placed(order_id=ID, pence=1)]


async def test_event_delivered_twice_is_handled_once(
    http: AsyncClient, broker: FakeBroker
) -> None:
    """Both deliveries carry one id; what the handler published is there too."""
    await broker.deliver(Paid(order_id=uuid4()), times=2)

    assert (broker.handled, broker.parked) == (1, [])
    assert broker.published == [Placed(order_id=ID, pence=2)]


async def test_event_that_cannot_be_handled_is_seen_parked(
    http: AsyncClient, broker: FakeBroker
) -> None:
    """It is not lost and not handled."""
    event = Paid(order_id=ID, poor=True)

    await broker.deliver(event)

    assert (broker.handled, broker.parked) == (0, [event])


async def test_event_is_read_as_the_closest_declaration(broker: FakeBroker) -> None:
    """Two services may declare one event with different fields."""
    event = PaidMore(order_id=ID, method="card")

    await broker.publish([_message(event)])

    assert broker.published == [event]


async def test_event_that_nobody_hears_is_told(
    http: AsyncClient, broker: FakeBroker
) -> None:
    """A test that waits for nothing is wrong."""
    with pytest.raises(DeclarationError, match=r"nobody hears 'fake\.placed'"):
        await broker.deliver(Placed(order_id=ID, pence=1))


async def test_message_is_kept_once(broker: FakeBroker) -> None:
    """A relay that publishes again after a crash is not seen."""
    message = _message(Paid(order_id=ID))

    await broker.publish([message])
    await broker.publish([message])

    assert len(broker.published) == 1


async def test_broker_that_is_down_refuses_and_says_so(broker: FakeBroker) -> None:
    """What a service does then can be tested."""
    broker.is_down = True

    with pytest.raises(Unavailable):
        await broker.check()
    with pytest.raises(Unavailable):
        await broker.publish([_message(Paid(order_id=ID))])
    await broker.settle()
    assert broker.published == []


def _message(event: Event) -> Any:
    return encode(event, source="elsewhere")
