"""Where storefront is put together."""

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from fleetwright import Service
from fleetwright.auth import public
from fleetwright.fastapi import mount
from fleetwright.resilience import (
    Bulkhead,
    CircuitBreaker,
    Pipeline,
    Retry,
    Timeout,
)
from fleetwright.rest import rest
from storefront import api, ordering, vouchers
from storefront.clients import Catalog, Orders, Vouchers
from storefront.pages import STATIC, BrowserRules, not_found
from storefront.settings import StorefrontSettings
from storefront.shelf import Shelf


def create_app(settings: StorefrontSettings | None = None) -> FastAPI:
    """Return the storefront service, ready to be served.

    Args:
        settings: What to run with; read from the environment when None.

    Returns:
        The application, with probes, problems and life cycle mounted.
    """
    settings = settings or StorefrontSettings.load()

    products = _guarded("catalog", settings.catalog_seconds, attempts=2)
    desk = _guarded("orders", settings.orders_seconds, attempts=3)
    tills = _guarded("vouchers", settings.vouchers_seconds, attempts=2)

    service = Service("storefront", settings)
    service.add(settings)
    service.add(Shelf(settings.remembered_products))
    service.add(rest(Catalog, provider="catalog", pipeline=products))
    service.add(rest(Orders, provider="orders", pipeline=desk))
    service.add(rest(Vouchers, provider="vouchers", pipeline=tills))

    app = FastAPI(
        title="storefront",
        version="1",
        summary="The shop's web page.",
        # Pages are for people; an explorer would load scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )
    app.add_exception_handler(HTTPException, not_found)
    app.include_router(api.router)
    app.include_router(ordering.router)
    app.include_router(vouchers.router)
    app.mount("/static", public(StaticFiles(directory=STATIC)), name="static")
    app.add_middleware(BrowserRules)
    return mount(app, service)


def _guarded(name: str, seconds: float, *, attempts: int) -> Pipeline:
    """Return how calls to a neighbour are guarded.

    Half of the time for one attempt: one that hangs leaves time for another. A circuit
    that is open is probed again within 4 s: so soon a neighbour's return is noticed.
    """
    return Pipeline(
        name,
        Timeout(seconds),
        Retry(attempts=attempts),
        CircuitBreaker(open_seconds=1.0, longest_open_seconds=4.0),
        Bulkhead(32),
        Timeout(seconds / 2),
    )
