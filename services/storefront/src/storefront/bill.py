"""What a basket costs, as far as the prices are known."""

from collections.abc import Iterable
from dataclasses import dataclass

from storefront.basket import Basket
from storefront.clients import Product


@dataclass(frozen=True, slots=True)
class BillLine:
    """One line of a basket with its price.

    Attributes:
        sku: The stock code.
        quantity: How many units.
        product: What it is and costs; None when nobody could say.
        trouble: Why the line cannot be ordered, in words for the buyer, or None.
    """

    sku: str
    quantity: int
    product: Product | None
    trouble: str | None = None

    @property
    def total_pence(self) -> int | None:
        """The price of all units, in pence, or None while it is not known."""
        if self.product is None:
            return None
        return self.product.price_pence * self.quantity


@dataclass(frozen=True, slots=True)
class Bill:
    """A basket, priced.

    Attributes:
        lines: The lines, in the order of the basket.
        fresh: Whether the catalog itself named the prices just now.
    """

    lines: list[BillLine]
    fresh: bool = True

    @property
    def total_pence(self) -> int:
        """The price of all lines whose price is known, in pence."""
        return sum(line.total_pence or 0 for line in self.lines)

    @property
    def is_complete(self) -> bool:
        """Whether the price of every line is known."""
        return all(line.product is not None for line in self.lines)


def priced(
    basket: Basket,
    products: Iterable[Product | None],
    *,
    fresh: bool = True,
    troubles: dict[str, str] | None = None,
) -> Bill:
    """Return the bill of a basket.

    Args:
        basket: What is wanted.
        products: Known products; those not in the basket are ignored.
        fresh: Whether the catalog itself named them just now.
        troubles: By stock code, why a line cannot be ordered.
    """
    known = {product.sku: product for product in products if product is not None}
    why = troubles or {}
    return Bill(
        [
            BillLine(line.sku, line.quantity, known.get(line.sku), why.get(line.sku))
            for line in basket.lines
        ],
        fresh=fresh,
    )
