"""Where orders is put together."""

from fastapi import FastAPI

from fleetwright import Service
from fleetwright.database import AsyncDatabase
from fleetwright.events import Consumer, Outbox, connect
from fleetwright.fastapi import mount
from fleetwright.grpc import stub
from fleetwright.idempotency import KeptAnswers
from fleetwright.resilience import (
    Bulkhead,
    CircuitBreaker,
    Pipeline,
    Retry,
    Timeout,
)
from fleetwright.rest import rest
from orders.api import router
from orders.clients import Catalog
from orders.events import subscriptions
from orders.settings import OrdersSettings
from shop_stock.stock_pb2_grpc import StockStub


def create_app(settings: OrdersSettings | None = None) -> FastAPI:
    """Return the orders service, ready to be served.

    Args:
        settings: What to run with; read from the environment when None.

    Returns:
        The application, with probes, problems and life cycle mounted.
    """
    settings = settings or OrdersSettings.load()
    database = AsyncDatabase(settings.database_url, migrations="orders.migrations")
    broker = connect(settings.broker_url)
    quotes = _guarded("quotes", settings.quote_seconds, attempts=2)
    holds = _guarded("stock", settings.stock_seconds, attempts=3)

    service = Service("orders", settings)
    service.add(database)
    service.add(KeptAnswers(database))
    service.add(broker)
    service.add(rest(Catalog, provider="catalog", pipeline=quotes))
    service.add(stub(StockStub, provider="stock", pipeline=holds))
    service.add(Outbox(database, broker))
    service.add(Consumer(database, broker, subscriptions))

    app = FastAPI(
        title="orders",
        version="1",
        summary="Takes orders, follows their payment, cancels what was bought.",
        openapi_tags=[
            {
                "name": "orders",
                "description": "What was ordered and what became of it.",
            },
            {"name": "cancellations", "description": "Giving bought things back."},
        ],
    )
    app.include_router(router)
    return mount(app, service)


def _guarded(name: str, seconds: float, *, attempts: int) -> Pipeline:
    """Return how calls to a neighbour are guarded.

    A circuit that is open is probed again within 4 s: so soon a neighbour's return is
    noticed.
    """
    return Pipeline(
        name,
        Timeout(seconds),
        Retry(attempts=attempts),
        CircuitBreaker(open_seconds=1.0, longest_open_seconds=4.0),
        Bulkhead(32),
    )
