"""The products last seen, for the time the catalog is away."""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

from storefront.clients import Product


@dataclass(frozen=True, slots=True)
class Showing:
    """One page of products as a buyer sees it.

    Attributes:
        products: The products of the page.
        total: How many there are on all pages.
        page: Which page it is, from 1.
        page_size: Longest length of a page.
        fresh: Whether the catalog itself said so just now.
    """

    products: list[Product]
    total: int
    page: int
    page_size: int
    fresh: bool = True

    @property
    def pages(self) -> int:
        """How many pages there are; one when there is nothing to show."""
        return max(1, -(-self.total // self.page_size))


class Shelf:
    """Remembers the products the catalog named, newest names and prices only.

    Bounded by `most` products: the ones not seen for longest are forgotten first. It
    belongs to one process and starts empty.
    """

    def __init__(self, most: int) -> None:
        """Remember at most `most` products."""
        self._most = most
        self._known: OrderedDict[str, Product] = OrderedDict()

    def remember(self, products: Iterable[Product]) -> None:
        """Keep what the catalog said about these products."""
        for product in products:
            self._known[product.sku] = product
            self._known.move_to_end(product.sku)
        while len(self._known) > self._most:
            self._known.popitem(last=False)

    def forget(self, skus: Iterable[str]) -> None:
        """Drop products the catalog no longer knows."""
        for sku in skus:
            self._known.pop(sku, None)

    def find(self, sku: str) -> Product | None:
        """Return the product as last seen, or None when it never was."""
        return self._known.get(sku)

    def showing(self, search: str, page: int, page_size: int) -> Showing:
        """Return a page of remembered products, in the order of their stock codes.

        Args:
            search: Part of a name or start of a stock code; empty for all.
            page: Which page, from 1.
            page_size: Longest length of a page.
        """
        wanted = search.strip().casefold()
        found = sorted(
            (
                product
                for product in self._known.values()
                if wanted in product.name.casefold()
                or product.sku.casefold().startswith(wanted)
            ),
            key=lambda product: product.sku,
        )
        first = (page - 1) * page_size
        products = found[first : first + page_size]
        return Showing(products, len(found), page, page_size, fresh=False)

    def facts(self) -> dict[str, object]:
        """Return how many products are remembered, for /info."""
        return {"remembered": len(self._known), "most": self._most}
