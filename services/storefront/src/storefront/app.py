"""Where storefront is put together."""

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from fleetwright import Service
from fleetwright.auth import public
from fleetwright.fastapi import mount
from fleetwright.resilience import Pipeline, Retry, Timeout
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

    # Half of the time for one attempt: one that hangs leaves time for another.
    products = Pipeline(
        "catalog",
        Timeout(settings.catalog_seconds),
        Retry(attempts=2),
        Timeout(settings.catalog_seconds / 2),
    )
    desk = Pipeline(
        "orders",
        Timeout(settings.orders_seconds),
        Retry(attempts=3),
        Timeout(settings.orders_seconds / 2),
    )

    tills = Pipeline(
        "vouchers",
        Timeout(settings.vouchers_seconds),
        Retry(attempts=2),
        Timeout(settings.vouchers_seconds / 2),
    )

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
