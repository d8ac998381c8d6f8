"""Placing an order, and watching what becomes of it."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Annotated
from uuid import UUID

import structlog
from fastapi import APIRouter, Depends, Form
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from fleetwright import Unavailable
from fleetwright.auth import public
from fleetwright.fastapi import Uses
from storefront.basket import Basket
from storefront.checkout import Checkout, checkout_page
from storefront.clients import NewLine, NewOrder, Order, OrderRefused, Orders, Vouchers
from storefront.pages import page
from storefront.progress import progress
from storefront.settings import StorefrontSettings
from storefront.till import Till, till
from storefront.visit import BuyersBasket, Products, keep, own_pages_only

router = APIRouter(tags=["orders"])
log = structlog.get_logger()

OrderDesk = Annotated[Orders, Uses(Orders)]

NOT_NOW = (
    "We could not reach our order desk, so your order may not have arrived. Your "
    "basket is kept: please try again in a moment. Trying again never orders twice."
)
FORM_USED = (
    "This form has already been used for another order. Here is a new one: please look "
    "it over and send it again."
)
FORM_BROKEN = "The form did not arrive whole. Please look it over and send it again."


class OrderForm:
    """The order form as it was sent: the lines it showed, the buyer's words, its key.

    The lines come from the form and not from the cookie: what was shown is what is
    ordered, and a form sent twice says the same twice.
    """

    def __init__(
        self,
        sku: Annotated[list[str], Form(default_factory=list)],
        quantity: Annotated[list[str], Form(default_factory=list)],
        key: Annotated[str, Form()] = "",
        customer: Annotated[str, Form()] = "",
        country: Annotated[str, Form()] = "",
    ) -> None:
        """Read the fields of the form."""
        self.basket = Basket.of(zip(sku, quantity, strict=False))
        self.key = _uuid(key)
        self.filled_in = Checkout(customer=customer.strip(), country=country.strip())

    def order(self, key: UUID) -> NewOrder:
        """Return the order the form asks for."""
        return NewOrder(
            reference=f"WEB-{key.hex[:12].upper()}",
            customer_id=self.filled_in.customer or None,
            country=self.filled_in.country,
            lines=[
                NewLine(sku=line.sku, quantity=line.quantity)
                for line in self.basket.lines
            ],
        )


@router.post(
    "/orders",
    response_class=RedirectResponse,
    status_code=303,
    dependencies=[Depends(own_pages_only)],
    summary="Place an order",
)
@public
async def place(
    form: Annotated[OrderForm, Depends(OrderForm)],
    basket: BuyersBasket,
    products: Products,
    orders: OrderDesk,
    settings: Annotated[StorefrontSettings, Uses(StorefrontSettings)],
) -> Response:
    """Place the order of the form, once, however often the form is sent."""
    if not form.basket.lines:
        return RedirectResponse("/basket", status_code=303)
    if form.key is None:
        again = replace(form.filled_in, notice=FORM_BROKEN)
        return await checkout_page(form.basket, products, again, status=400)
    try:
        order = await orders.place(form.order(form.key), idempotency_key=str(form.key))
    except OrderRefused as refusal:
        again = _explained(form, refusal)
        return await checkout_page(form.basket, products, again, status=refusal.status)
    except Unavailable as error:
        log.warning("order.postponed", reason=error.reason)
        again = replace(form.filled_in, key=str(form.key), notice=NOT_NOW)
        return await checkout_page(
            form.basket, products, again, status=503, degraded="orders"
        )
    for sku in form.basket.skus:
        basket = basket.without(sku)
    answer = RedirectResponse(f"/orders/{order.id}", status_code=303)
    keep(answer, basket, settings)
    return answer


@router.get("/orders/{order_id}", response_class=HTMLResponse, summary="Show an order")
@public
async def show(
    order_id: str,
    basket: BuyersBasket,
    orders: OrderDesk,
    vouchers: Annotated[Vouchers, Uses(Vouchers)],
) -> HTMLResponse:
    """Show an order and how far it has come; the page keeps itself up to date."""
    shown = partial(till, vouchers=vouchers)
    return await order_page(order_id, basket, orders, shown)


@router.get(
    "/orders/{order_id}/progress",
    response_class=HTMLResponse,
    summary="Show how far an order has come",
)
@public
async def show_progress(
    order_id: str, basket: BuyersBasket, orders: OrderDesk
) -> HTMLResponse:
    """Show only the steps of an order, for the page that watches it."""
    found = await _found(order_id, basket, orders)
    if isinstance(found, HTMLResponse):
        return found
    return page("_progress.html", basket, order=found, progress=progress(found))


async def order_page(
    order_id: str,
    basket: Basket,
    orders: Orders,
    opened: Callable[[UUID], Awaitable[Till]],
    *,
    status: int = 200,
) -> HTMLResponse:
    """Return the page of an order, or say that it is unknown or out of reach.

    Args:
        order_id: Which order, as it was typed.
        basket: The buyer's basket.
        orders: Who knows orders.
        opened: Says what to show about its voucher.
        status: The HTTP status when the order is found.
    """
    found = await _found(order_id, basket, orders)
    if isinstance(found, HTMLResponse):
        return found
    shown = await opened(found.id)
    return page(
        "order.html",
        basket,
        status=status,
        degraded="vouchers" if shown.is_away else None,
        order=found,
        progress=progress(found),
        till=shown,
    )


async def _found(order_id: str, basket: Basket, orders: Orders) -> Order | HTMLResponse:
    """Return the order, or the page that says why it cannot be shown."""
    known_as = _uuid(order_id)
    if known_as is None:
        return page("unknown.html", basket, status=404, what="order")
    try:
        order = await orders.find(known_as)
    except Unavailable as error:
        log.warning("order.hidden", reason=error.reason)
        return page(
            "waiting.html", basket, status=503, degraded="orders", order_id=known_as
        )
    if order is None:
        return page("unknown.html", basket, status=404, what="order")
    return order


def _explained(form: OrderForm, refusal: OrderRefused) -> Checkout:
    """Return the form again with a fresh key and the reasons of the refusal."""
    problem = refusal.problem or {}
    match problem.get("kind"):
        case "idempotency_key_in_progress":
            # Its twin is being answered: with a fresh key it would be a second order.
            return replace(form.filled_in, key=str(form.key), notice=NOT_NOW)
        case "out_of_stock":
            missing = problem.get("missing") or []
            troubles = {one["sku"]: _left(one["on_hand"]) for one in missing}
            notice = "There is too little of some products. They are marked below."
            return replace(form.filled_in, notice=notice, troubles=troubles)
        case "idempotency_key_reused":
            return replace(form.filled_in, notice=FORM_USED)
        case "bad_lines":
            lines = problem.get("lines") or []
            troubles = {line["sku"]: str(line["detail"]) for line in lines}
            notice = "Some lines cannot be ordered. They are marked below."
            return replace(form.filled_in, notice=notice, troubles=troubles)
        case _:
            why = problem.get("detail") or problem.get("title") or str(refusal)
            return replace(form.filled_in, notice=f"The order was not taken: {why}")


def _left(units: int) -> str:
    return f"Only {units} left." if units > 0 else "Sold out."


def _uuid(text: str) -> UUID | None:
    """Return the UUID a text is, or None when it is none."""
    try:
        return UUID(text)
    except ValueError:
        return None
