"""A service that counts deliveries over gRPC, and hears of each; see test_beyond_http.

`MODE` is a version's own: `well`, `drops` (ends where it should drain) or `forgets`
(counts a delivery that comes again, and an event).
"""

import asyncio
import os
from typing import Any

from sqlalchemy import text

from fleetwright import Service, Settings
from fleetwright.auth import public
from fleetwright.database import AsyncDatabase
from fleetwright.events import Consumer, Event, Outbox, Subscriptions, connect, publish
from fleetwright.grpc import serve
from shop_stock.stock_pb2 import CountsReply, HoldReply, ReceiveReply, ReleaseReply
from shop_stock.stock_pb2_grpc import StockServicer, add_StockServicer_to_server

MODE = "well"
WORK_SECONDS = 0.2
TABLES = (
    "create table if not exists deliveries(id text primary key)",
    "create table if not exists heard(id text)",
)


class Received(Event, topic="rates.received"):
    """A delivery was counted."""

    id: str


class Tables:
    """The part that makes the tables, and ends all where `MODE` says so."""

    def __init__(self, database: AsyncDatabase, service: Service) -> None:
        """Keep where."""
        self._database = database
        self._service = service

    async def open(self) -> None:
        """Make them."""
        async with self._database.transaction() as transaction:
            for table in TABLES:
                await transaction.execute(text(table))
        if MODE == "drops":
            self._service.lifecycle.on_draining(lambda: os._exit(0))


class Deliveries(StockServicer):
    """Answers calls."""

    def __init__(self, database: AsyncDatabase) -> None:
        """Keep where."""
        self._database = database

    @public
    async def Counts(self, request: Any, context: object) -> CountsReply:  # noqa: N802
        """Take a while."""
        await asyncio.sleep(WORK_SECONDS)
        return CountsReply()

    @public
    async def Hold(self, request: Any, context: object) -> HoldReply:  # noqa: N802
        """Hold nothing."""
        return HoldReply()

    @public
    async def Release(  # noqa: N802
        self, request: Any, context: object
    ) -> ReleaseReply:
        """Release nothing."""
        return ReleaseReply()

    @public
    async def Receive(  # noqa: N802
        self, request: Any, context: object
    ) -> ReceiveReply:
        """Count a delivery once, and tell of it."""
        values = {"id": request.delivery_id}
        async with self._database.transaction() as transaction:
            done: Any = await transaction.execute(
                text("insert into deliveries values (:id) on conflict do nothing"),
                values,
            )
            is_new = MODE == "forgets" or done.rowcount == 1
            if is_new:
                publish(transaction, Received(**values))
        return ReceiveReply(received=is_new)


def create_app() -> Service:
    """Return the service."""
    service = Service("rates", Settings.load())
    database = AsyncDatabase(os.environ["DATABASE_URL"])
    broker = connect(os.environ["BROKER_URL"])
    subscriptions = Subscriptions()

    @subscriptions.on(Received)
    async def hear(received: Received, transaction: Any) -> None:
        values = {"id": received.id}
        await transaction.execute(text("insert into heard values (:id)"), values)
        if MODE == "forgets":
            await transaction.execute(text("delete from fleet_inbox"))

    service.add(database)
    service.add(Tables(database, service))
    service.add(broker)
    service.add(Outbox(database, broker))
    service.add(Consumer(database, broker, subscriptions))
    port = int(os.environ["GRPC_PORT"])
    service.add(serve(Deliveries(database), add_StockServicer_to_server, port=port))
    return service
