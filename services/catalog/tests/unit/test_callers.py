"""Who may call catalog, and that nobody else can."""

from catalog.app import create_app
from catalog.settings import CatalogSettings
from fleetwright.auth import routes_and_callers
from fleetwright.testing import open_doors, serving

SETTINGS = CatalogSettings(database_url="sqlite+aiosqlite://")


def test_callers_are_these() -> None:
    """The table that operators read; a change of it is a change of who is trusted."""
    app = create_app(SETTINGS)

    assert {it: str(who) for it, who in routes_and_callers(app).items()} == {
        "PUT /v1/products/{sku}": "scope catalog:write",
        "GET /v1/products": "everyone",
        "GET /v1/products/{sku}": "everyone",
        "POST /v1/quotes": "orders, storefront, scope catalog:read",
    }


async def test_every_closed_route_refuses_strangers() -> None:
    """Without a token, with another's, and by whom it does not name."""
    app = create_app(SETTINGS)
    async with serving(app, caller=None) as http:
        assert await open_doors(app, http) == []
