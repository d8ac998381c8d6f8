"""Fixtures shared by the tests of orders."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient, Response

from fleetwright import Refused
from fleetwright.testing import FakeBroker, serving
from fleetwright_contracts.testing import Asked, FakeProvider
from orders.app import create_app
from orders.clients import Catalog, Quote, Quotes
from orders.settings import OrdersSettings
from shop_stock.stock_pb2 import HoldReply, HoldRequest, Shortage
from shop_stock.stock_pb2_grpc import StockStub

Place = Callable[..., Awaitable[Response]]


class FakeStock:
    """Stock with `units` of some products and enough of all others."""

    def __init__(self, units: dict[str, int], trouble: list[Exception]) -> None:
        """Hold by the lists of a test, while there is no `trouble`."""
        self._units = units
        self._trouble = trouble
        self.holds: dict[str, Counter[str]] = {}

    async def Hold(self, request: HoldRequest) -> HoldReply:  # noqa: N802
        """Answer as the stock service would."""
        if self._trouble:
            raise self._trouble[0]
        wanted: Counter[str] = Counter()
        for line in request.lines:
            wanted[line.sku] += line.quantity
        if self.holds.get(request.hold_id, wanted) != wanted:
            raise Refused("other lines", status=409, provider="stock")
        missing = [
            Shortage(sku=sku, wanted=units, on_hand=self._units[sku])
            for sku, units in wanted.items()
            if self._units.get(sku, units) < units
        ]
        if not missing:
            self.holds[request.hold_id] = wanted
        return HoldReply(held=not missing, missing=missing)


@pytest.fixture
def units() -> dict[str, int]:
    """Return what stock has too little of: nothing yet."""
    return {}


@pytest.fixture
def stock_trouble() -> list[Exception]:
    """Return what stock raises instead of answering: nothing yet."""
    return []


@pytest.fixture
def stock(units: dict[str, int], stock_trouble: list[Exception]) -> FakeStock:
    """Return a stock with enough of everything, unless told otherwise."""
    return FakeStock(units, stock_trouble)


@pytest.fixture
def holds(stock: FakeStock) -> dict[str, Counter[str]]:
    """Return what stock holds: units by stock code, by the ids of the holds."""
    return stock.holds


@pytest.fixture
def prices() -> dict[str, int]:
    """Return what the catalog sells; a test may change it."""
    return {"71053": 339, "85123A": 255}


@pytest.fixture
def catalog(prices: dict[str, int]) -> Iterator[FakeProvider[Catalog]]:
    """Return a catalog that sells what is in `prices`, as its contract says."""

    def sold(asked: Asked) -> Quotes:
        return Quotes(
            quotes=[
                Quote(sku=sku, name=f"THING {sku}", price_pence=prices[sku])
                for sku in asked.body["skus"]
                if sku in prices
            ]
        )

    with FakeProvider(Catalog, "services/catalog/contracts/openapi.json") as provider:
        provider.answers(Catalog.quotes, sold)
        yield provider


@pytest.fixture
def app() -> FastAPI:
    """Return orders in memory: no sockets, no broker, no files."""
    settings = OrdersSettings(
        database_url="sqlite+aiosqlite://", broker_url="memory://orders"
    )
    return create_app(settings)


@pytest.fixture
async def orders(
    app: FastAPI,
    catalog: FakeProvider[Catalog],
    stock: FakeStock,
    broker: FakeBroker,
) -> AsyncIterator[AsyncClient]:
    """Serve orders to the tests, with catalog, stock and broker replaced."""
    replace = {Catalog: catalog.client, StockStub: stock}
    async with serving(app, replace=replace, broker=broker) as http:
        yield http


@pytest.fixture
def place(orders: AsyncClient) -> Place:
    """Return how a customer orders: six lanterns, unless told otherwise."""

    async def placing(*, key: str | None = None, **changed: Any) -> Response:
        body = {
            "reference": "536365",
            "customer_id": "17850",
            "country": "United Kingdom",
            "lines": [{"sku": "71053", "quantity": 6}],
        }
        headers = {"Idempotency-Key": key or str(uuid4())}
        return await orders.post("/v1/orders", json=body | changed, headers=headers)

    return placing


@pytest.fixture
def cancel(orders: AsyncClient) -> Place:
    """Return how a customer gives two lanterns back, unless told otherwise."""

    async def cancelling(*, key: str | None = None, **changed: Any) -> Response:
        body = {
            "reference": "C536365",
            "customer_id": "17850",
            "lines": [{"sku": "71053", "quantity": 2}],
        }
        headers = {"Idempotency-Key": key or str(uuid4())}
        url = "/v1/cancellations"
        return await orders.post(url, json=body | changed, headers=headers)

    return cancelling
