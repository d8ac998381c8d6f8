"""What a request brings with it: the buyer's basket, and where it comes from."""

from typing import Annotated

from fastapi import Cookie, Depends, Header, Response

from fleetwright import Problem
from fleetwright.fastapi import Uses
from storefront.assortment import Assortment
from storefront.basket import Basket
from storefront.clients import Catalog
from storefront.settings import StorefrontSettings
from storefront.shelf import Shelf

BASKET_COOKIE = "basket"
BASKET_SECONDS = 30 * 24 * 3600


def _basket(basket: Annotated[str, Cookie()] = "") -> Basket:
    """Return the basket the browser keeps; nonsense in it is left out."""
    return Basket.read(basket)


def _assortment(
    catalog: Annotated[Catalog, Uses(Catalog)], shelf: Annotated[Shelf, Uses(Shelf)]
) -> Assortment:
    """Return what the shop can show at the moment."""
    return Assortment(catalog, shelf)


def own_pages_only(
    sec_fetch_site: Annotated[str, Header()] = "same-origin",
) -> None:
    """Let forms of other sites change nothing here.

    Args:
        sec_fetch_site: Where the browser says the form is from.

    Raises:
        Problem: 403, when the browser says that another site sent the form.
    """
    if sec_fetch_site not in ("same-origin", "none"):
        raise Problem(
            403,
            "Sent from another site",
            detail="Open the shop itself and send the form there.",
            kind="other_site",
        )


BuyersBasket = Annotated[Basket, Depends(_basket)]
Products = Annotated[Assortment, Depends(_assortment)]


def keep(response: Response, basket: Basket, settings: StorefrontSettings) -> None:
    """Let the browser keep the basket; an empty one is forgotten there.

    Args:
        response: The answer that carries the cookie.
        basket: What to keep.
        settings: Whether the cookie travels over HTTPS only.
    """
    if not basket.lines:
        response.delete_cookie(BASKET_COOKIE)
        return
    response.set_cookie(
        BASKET_COOKIE,
        basket.written(),
        max_age=BASKET_SECONDS,
        httponly=True,
        samesite="lax",
        secure=settings.secure_cookies,
    )
