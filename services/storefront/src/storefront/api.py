"""The pages of the shop: what a buyer sees, and what the forms on them do."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, Query
from fastapi.responses import HTMLResponse, RedirectResponse

from fleetwright.auth import public
from fleetwright.fastapi import Uses
from storefront.assortment import NotKnown
from storefront.basket import Basket, whole_number
from storefront.checkout import Checkout, checkout_page
from storefront.pages import page
from storefront.settings import StorefrontSettings
from storefront.visit import BuyersBasket, Products, keep, own_pages_only

router = APIRouter(tags=["shop"])

LONGEST_SEARCH = 100

Settings = Annotated[StorefrontSettings, Uses(StorefrontSettings)]
Text = Annotated[str, Query()]
Words = Annotated[str, Form()]
ManyWords = Annotated[list[str], Form(default_factory=list)]


@router.get("/", response_class=HTMLResponse, summary="Show products")
@public
async def grid(
    basket: BuyersBasket,
    products: Products,
    settings: Settings,
    search: Text = "",
    page_number: Annotated[str, Query(alias="page")] = "1",
    added: Text = "",
) -> HTMLResponse:
    """Show one page of products; the last known ones while the catalog is away."""
    wanted = search.strip()[:LONGEST_SEARCH]
    number = min(max(whole_number(page_number), 1), 100_000)
    showing = await products.showing(wanted, number, settings.page_size)
    return page(
        "grid.html",
        basket,
        degraded=None if showing.fresh else "catalog",
        showing=showing,
        search=wanted,
        added=added,
    )


@router.get("/products/{sku}", response_class=HTMLResponse, summary="Show a product")
@public
async def product(sku: str, basket: BuyersBasket, products: Products) -> HTMLResponse:
    """Show one product, as last seen while the catalog is away."""
    try:
        found, fresh = await products.product(sku)
    except NotKnown:
        return page("away.html", basket, status=503, degraded="catalog", sku=sku)
    if found is None:
        return page("unknown.html", basket, status=404, what="product")
    degraded = None if fresh else "catalog"
    return page("product.html", basket, degraded=degraded, product=found, fresh=fresh)


@router.post(
    "/basket/lines",
    response_class=RedirectResponse,
    status_code=303,
    dependencies=[Depends(own_pages_only)],
    summary="Put into the basket",
)
@public
async def add(
    basket: BuyersBasket,
    settings: Settings,
    sku: Words,
    quantity: Words = "1",
    search: Words = "",
    page_number: Annotated[str, Form(alias="page")] = "",
) -> RedirectResponse:
    """Put units of a product into the basket and go back to where the buyer was."""
    query = {"search": search, "page": page_number, "added": sku}
    query = {name: value for name, value in query.items() if value}
    where = f"/?{urlencode(query)}" if page_number else f"/basket?{urlencode(query)}"
    answer = RedirectResponse(where, status_code=303)
    keep(answer, basket.with_added(sku, quantity), settings)
    return answer


@router.get("/basket", response_class=HTMLResponse, summary="Show the basket")
@public
async def show_basket(
    basket: BuyersBasket, products: Products, added: Text = ""
) -> HTMLResponse:
    """Show the basket with prices and the form that orders it."""
    return await checkout_page(basket, products, Checkout(added=added))


@router.post(
    "/basket",
    response_class=RedirectResponse,
    status_code=303,
    dependencies=[Depends(own_pages_only)],
    summary="Change the basket",
)
@public
async def change(
    settings: Settings, sku: ManyWords, quantity: ManyWords, remove: Words = ""
) -> RedirectResponse:
    """Keep the quantities of the form; a quantity of 0 takes the line out."""
    changed = Basket.of(zip(sku, quantity, strict=False)).without(remove)
    answer = RedirectResponse("/basket", status_code=303)
    keep(answer, changed, settings)
    return answer
