"""Fixtures shared by the tests of stock."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from fleetwright import Service
from fleetwright.database import AsyncDatabase
from fleetwright.testing import FakeBroker, calling, serving
from shop_stock.stock_pb2 import CountsRequest, HoldReply, HoldRequest, Units
from shop_stock.stock_pb2_grpc import StockStub
from stock.app import create_app
from stock.expiry import Expiry
from stock.settings import StockSettings

Counts = Callable[[str], Awaitable[tuple[int, ...]]]
Expire = Callable[[], Awaitable[int]]
Hold = Callable[..., Awaitable[HoldReply]]


@pytest.fixture
async def service(broker: FakeBroker) -> AsyncIterator[Service]:
    """Run stock in memory, ten units of everything on its shelves."""
    settings = StockSettings(
        database_url="sqlite+aiosqlite://",
        broker_url="memory://stock",
        opening_units=10,
        grpc_port=0,
    )
    app = create_app(settings)
    async with serving(app, broker=broker):
        yield app


@pytest.fixture
async def stock(service: Service) -> AsyncIterator[StockStub]:
    """Return a client of the running service, over a real connection."""
    async with calling(service, StockStub) as client:
        yield client


@pytest.fixture
def hold(stock: StockStub) -> Hold:
    """Return how units are held: `hold("1", tea=2)`."""

    async def holding(hold_id: str, **units: int) -> HoldReply:
        lines = [Units(sku=sku, quantity=quantity) for sku, quantity in units.items()]
        return await stock.Hold(HoldRequest(hold_id=hold_id, lines=lines))

    return holding


@pytest.fixture
def counts(stock: StockStub) -> Counts:
    """Return what tells received, on hand, held, sold and returned of one product."""

    async def counting(sku: str) -> tuple[int, ...]:
        [it] = (await stock.Counts(CountsRequest(skus=[sku]))).counts
        return it.received, it.on_hand, it.held, it.sold, it.returned

    return counting


@pytest.fixture
def database(service: Service) -> AsyncDatabase:
    """Return where stock counts."""
    return service.find(AsyncDatabase)


@pytest.fixture
def expire(service: Service) -> Expire:
    """Return how the time of every hold is made to be over; it tells how many ended."""
    expiry = service.find(Expiry)
    return lambda: expiry.sweep(datetime.now(UTC) + timedelta(seconds=901))
