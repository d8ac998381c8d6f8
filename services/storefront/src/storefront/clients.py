"""What storefront needs from catalog, orders and vouchers, and nothing more."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Protocol
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints

from fleetwright import Refused
from fleetwright.rest import Header, get, post

Sku = Annotated[str, StringConstraints(pattern="^[0-9]{5}[A-Za-z]{0,2}$")]
Search = Annotated[str, Field(max_length=100)]
Page = Annotated[int, Field(ge=1, le=100_000)]
PageSize = Annotated[int, Field(ge=1, le=100)]


class Product(BaseModel):
    """The fields of a product that the shop shows."""

    sku: str
    name: str
    price_pence: int


class ProductPage(BaseModel):
    """One page of products; `total` counts those of all pages."""

    items: list[Product]
    total: int


class WantedQuotes(BaseModel):
    """The stock codes to price, as many as a basket may have lines."""

    skus: list[Sku] = Field(min_length=1, max_length=100)


class Quotes(BaseModel):
    """Prices of what is sold, and the codes of what is not."""

    quotes: list[Product]
    unknown: list[str]


class OddCode(Refused):
    """No product can have such a code."""


class Catalog(Protocol):
    """The part of the catalog API that storefront depends on."""

    @get("/v1/products")
    async def products(
        self, search: Search, page: Page, page_size: PageSize
    ) -> ProductPage:
        """Return one page of the products that match.

        Args:
            search: Part of a name or start of a stock code; empty for all.
            page: Which page, from 1.
            page_size: Longest length of a page, 1 to 100.
        """
        ...

    @get("/v1/products/{sku}", missing=404, refusals={422: OddCode})
    async def product(self, sku: str) -> Product | None:
        """Return one product, or None for an unknown stock code.

        Args:
            sku: Whatever stands in the address of a page.

        Raises:
            OddCode: It is far too long for a code.
            Unavailable: The catalog did not answer in time, or is down.
        """
        ...

    @post("/v1/quotes", idempotent=True)
    async def quotes(self, wanted: WantedQuotes) -> Quotes:
        """Return the price of one unit of each wanted product."""
        ...


class NewLine(BaseModel):
    """So many units of one product."""

    sku: str
    quantity: int


class NewOrder(BaseModel):
    """What a buyer orders.

    Attributes:
        reference: The shop's own name for the order, shown to the bank.
        customer_id: Who orders; None for a guest.
        country: Where the order goes.
        lines: What is ordered, 1 to 2,000 lines.
    """

    reference: str
    customer_id: str | None
    country: str
    lines: list[NewLine]


class OrderStatus(StrEnum):
    """How far an order has come."""

    accepted = "accepted"
    paid = "paid"
    refused = "refused"


class OrderLine(BaseModel):
    """One line of an order, at the price it was accepted at."""

    sku: str
    name: str
    quantity: int
    price_pence: int


class Order(BaseModel):
    """The fields of an order that the shop shows."""

    id: UUID
    reference: str
    customer_id: str | None
    country: str
    status: OrderStatus
    total_pence: int
    lines: list[OrderLine]
    refused_because: str | None
    created_at: datetime


class OrderRefused(Refused):
    """Orders will not take it; `problem` says why.

    By its `kind`, and by `lines` or `missing`: what is wrong or sold out.
    """


class Orders(Protocol):
    """The part of the orders API that storefront depends on."""

    @post("/v1/orders", refusals={409: OrderRefused, 422: OrderRefused})
    async def place(
        self,
        order: NewOrder,
        *,
        idempotency_key: Annotated[str, Header("Idempotency-Key")],
    ) -> Order:
        """Place an order and return it; the same key never places two.

        Args:
            order: What is bought, and by whom.
            idempotency_key: Names the order before it has an id.

        Raises:
            OrderRefused: A line is wrong or sold out, or the key was used for another
                order.
            Unavailable: Orders did not answer in time, or is down.
        """
        ...

    @get("/v1/orders/{order_id}", missing=404)
    async def find(self, order_id: UUID) -> Order | None:
        """Return the order, or None for an unknown id."""
        ...


class NewRedemption(BaseModel):
    """What a voucher is spent on."""

    order_id: UUID


class Redemption(BaseModel):
    """The fields of a spent voucher that the shop shows."""

    code: str
    worth_pence: int


class Redemptions(BaseModel):
    """What was spent on one order: one voucher, or none."""

    items: list[Redemption]


class VoucherRefused(Refused):
    """The voucher cannot be spent; `problem["kind"]` says why."""


class Vouchers(Protocol):
    """The part of the vouchers API that storefront depends on."""

    @get("/v1/redemptions")
    async def spent_on(self, order_id: UUID) -> Redemptions:
        """Return what was spent on an order."""
        ...

    @post(
        "/v1/vouchers/{code}/redemptions",
        refusals={404: VoucherRefused, 409: VoucherRefused, 422: VoucherRefused},
    )
    async def redeem(
        self,
        code: str,
        spent: NewRedemption,
        *,
        idempotency_key: Annotated[str, Header("Idempotency-Key")],
    ) -> Redemption:
        """Spend a voucher on an order and return what for; a key never spends two.

        Args:
            code: The voucher's.
            spent: The order it is spent on.
            idempotency_key: Names the spending.

        Raises:
            VoucherRefused: There is no such voucher, it is spent, or the order cannot
                take it.
            Unavailable: Vouchers did not answer in time, or is down.
        """
        ...
