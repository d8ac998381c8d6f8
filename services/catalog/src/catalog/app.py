"""Where catalog is put together."""

from fastapi import FastAPI

from catalog.api import router
from catalog.settings import CatalogSettings
from fleetwright import Service
from fleetwright.database import AsyncDatabase
from fleetwright.fastapi import mount


def create_app(settings: CatalogSettings | None = None) -> FastAPI:
    """Return the catalog service, ready to be served.

    Args:
        settings: What to run with; read from the environment when None.

    Returns:
        The application, with probes, problems and life cycle mounted.
    """
    settings = settings or CatalogSettings.load()

    service = Service("catalog", settings)
    service.add(AsyncDatabase(settings.database_url, migrations="catalog.migrations"))

    app = FastAPI(
        title="catalog",
        version="1",
        summary="Products of the shop, their names and their prices.",
        openapi_tags=[
            {"name": "products", "description": "What the shop sells."},
            {"name": "quotes", "description": "Prices for whole orders at once."},
        ],
    )
    app.include_router(router)
    return mount(app, service)
