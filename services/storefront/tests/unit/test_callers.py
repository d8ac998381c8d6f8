"""Who may call storefront: everyone, its pages are the shop's."""

from fleetwright.auth import routes_and_callers
from storefront.app import create_app
from storefront.settings import StorefrontSettings


def test_every_page_is_open_to_everyone() -> None:
    """A page that asked for a token could not be opened in a browser."""
    callers = routes_and_callers(create_app(StorefrontSettings()))

    assert callers
    assert {str(who) for who in callers.values()} == {"everyone"}
