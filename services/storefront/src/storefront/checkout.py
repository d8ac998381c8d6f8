"""The basket's page: lines, prices, and a form that cannot order twice."""

from dataclasses import dataclass, field
from uuid import uuid4

from fastapi.responses import HTMLResponse

from storefront.assortment import Assortment
from storefront.basket import Basket
from storefront.pages import page

COUNTRIES = (
    "United Kingdom",
    "Australia",
    "Austria",
    "Belgium",
    "Channel Islands",
    "Cyprus",
    "Denmark",
    "EIRE",
    "Finland",
    "France",
    "Germany",
    "Iceland",
    "Italy",
    "Japan",
    "Lithuania",
    "Netherlands",
    "Norway",
    "Poland",
    "Portugal",
    "Spain",
    "Sweden",
    "Switzerland",
)


@dataclass(frozen=True, slots=True)
class Checkout:
    """What the buyer filled in, and what there is to tell.

    Attributes:
        key: The Idempotency-Key of the order, made when the form is first shown and
            kept until the order is placed: sending the form twice is one order.
        customer: The customer number, or empty for a guest.
        country: Where the order goes.
        notice: What went wrong, in words for the buyer; empty when nothing did.
        troubles: By stock code, why a line cannot be ordered.
        added: The stock code just put into the basket, if any.
    """

    key: str = field(default_factory=lambda: str(uuid4()))
    customer: str = ""
    country: str = COUNTRIES[0]
    notice: str = ""
    troubles: dict[str, str] = field(default_factory=dict)
    added: str = ""


async def checkout_page(
    basket: Basket,
    products: Assortment,
    checkout: Checkout,
    *,
    status: int = 200,
    degraded: str | None = None,
) -> HTMLResponse:
    """Return the page of a basket.

    Args:
        basket: What is in it.
        products: Who knows prices.
        checkout: What is filled in and what there is to tell.
        status: The HTTP status.
        degraded: Which neighbour did not answer, if that is known already.
    """
    bill = await products.bill(basket, checkout.troubles)
    return page(
        "basket.html",
        basket,
        status=status,
        degraded=degraded or (None if bill.fresh else "catalog"),
        bill=bill,
        checkout=checkout,
        countries=COUNTRIES,
    )
