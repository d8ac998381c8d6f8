"""What storefront reads from its environment."""

from pydantic import Field, PositiveFloat, PositiveInt

from fleetwright import Settings


class StorefrontSettings(Settings):
    """Settings of the storefront service.

    Attributes:
        catalog_seconds: Longest wait for products and prices, in seconds; a page is
            shown without them after that.
        orders_seconds: Longest wait for an order to be accepted or found, in seconds.
        vouchers_seconds: Longest wait for a voucher to be spent, in seconds; the page
            of an order waits half a second to show one.
        page_size: How many products one page shows, 1 to 100.
        remembered_products: How many products are remembered for the time the catalog
            is away.
        max_in_flight: Pages answered at a time; more than the usual 8, because a page
            mostly waits for the catalog and for orders.
        secure_cookies: Whether the basket travels over HTTPS only; switch it on
            wherever the shop is served by HTTPS.
    """

    catalog_seconds: PositiveFloat = 0.8
    orders_seconds: PositiveFloat = 4.0
    vouchers_seconds: PositiveFloat = 4.0
    page_size: int = Field(default=24, ge=1, le=100)
    remembered_products: int = Field(default=5000, ge=0)
    max_in_flight: PositiveInt = 32
    secure_cookies: bool = False
