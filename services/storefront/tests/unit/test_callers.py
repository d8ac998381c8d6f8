"""Who may call storefront: everyone, its pages are the shop's."""

from fleetwright.auth import routes_and_callers
from storefront.app import create_app
from storefront.settings import StorefrontSettings

SETTINGS = StorefrontSettings()


def test_callers_are_these() -> None:
    """The table that operators read; a change of it is a change of who is trusted."""
    app = create_app(SETTINGS)

    assert {it: str(who) for it, who in routes_and_callers(app).items()} == {
        "GET /": "everyone",
        "GET /products/{sku}": "everyone",
        "POST /basket/lines": "everyone",
        "GET /basket": "everyone",
        "POST /basket": "everyone",
        "POST /orders": "everyone",
        "GET /orders/{order_id}": "everyone",
        "GET /orders/{order_id}/progress": "everyone",
        "MOUNT /static": "everyone",
    }
