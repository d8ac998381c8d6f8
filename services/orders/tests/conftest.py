"""Fixtures shared by the tests of orders."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import uuid4

import pytest
from httpx2 import AsyncClient, Response

from fleetwright.testing import FakeBroker, serving
from orders.app import create_app
from orders.clients import Catalog, Quote, Quotes, WantedQuotes
from orders.settings import OrdersSettings

Place = Callable[..., Awaitable[Response]]


class FakeCatalog:
    """A catalog that sells what is in `prices`, while it has no `trouble`."""

    def __init__(
        self, prices: dict[str, int], asked: list[list[str]], trouble: list[Exception]
    ) -> None:
        """Sell by the lists of a test, and write down what is asked for."""
        self._prices = prices
        self._asked = asked
        self._trouble = trouble

    async def quotes(self, wanted: WantedQuotes) -> Quotes:
        """Answer as the catalog would."""
        self._asked.append(wanted.skus)
        if self._trouble:
            raise self._trouble[0]
        return Quotes(
            quotes=[
                Quote(sku=sku, name=f"THING {sku}", price_pence=self._prices[sku])
                for sku in wanted.skus
                if sku in self._prices
            ]
        )


@pytest.fixture
def prices() -> dict[str, int]:
    """Return what the catalog sells; a test may change it."""
    return {"71053": 339, "85123A": 255}


@pytest.fixture
def asked() -> list[list[str]]:
    """Return the questions the catalog was asked."""
    return []


@pytest.fixture
def trouble() -> list[Exception]:
    """Return what the catalog raises instead of answering: nothing yet."""
    return []


@pytest.fixture
def catalog(
    prices: dict[str, int], asked: list[list[str]], trouble: list[Exception]
) -> FakeCatalog:
    """Return a catalog of two products."""
    return FakeCatalog(prices, asked, trouble)


@pytest.fixture
async def orders(
    catalog: FakeCatalog, broker: FakeBroker
) -> AsyncIterator[AsyncClient]:
    """Serve orders in memory: no sockets, no broker, no files."""
    settings = OrdersSettings(
        database_url="sqlite+aiosqlite://", broker_url="memory://orders"
    )
    app = create_app(settings)
    async with serving(app, replace={Catalog: catalog}, broker=broker) as http:
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
