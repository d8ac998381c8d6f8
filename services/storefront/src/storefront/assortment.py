"""What the shop can show: the catalog's word, or the last one it gave."""

import structlog

from fleetwright import Unavailable
from storefront.basket import Basket
from storefront.bill import Bill, priced
from storefront.clients import Catalog, OddCode, Product, WantedQuotes
from storefront.shelf import Shelf, Showing

log = structlog.get_logger()

NO_LONGER_SOLD = "No longer sold: please remove it."


class NotKnown(Exception):  # noqa: N818 - a state of the shop, not a mistake
    """The catalog is away and this product was never seen."""


class Assortment:
    """Products and prices that are always there, if perhaps a little old.

    Every question goes to the catalog first; its answers are remembered on the shelf,
    and the shelf answers when no answer of the catalog counts.
    """

    def __init__(self, catalog: Catalog, shelf: Shelf) -> None:
        """Ask `catalog`, fall back to `shelf`."""
        self._catalog = catalog
        self._shelf = shelf

    async def showing(self, search: str, page: int, page_size: int) -> Showing:
        """Return one page of products.

        Args:
            search: Part of a name or start of a stock code; empty for all.
            page: Which page, from 1.
            page_size: Longest length of a page.
        """
        try:
            found = await self._catalog.products(search, page, page_size)
        except Unavailable as error:
            log.warning("products.remembered", reason=error.reason)
            return self._shelf.showing(search, page, page_size)
        self._shelf.remember(found.items)
        return Showing(found.items, found.total, page, page_size)

    async def product(self, sku: str) -> tuple[Product | None, bool]:
        """Return a product and whether the catalog itself said so just now.

        Args:
            sku: The stock code.

        Returns:
            The product, or None when nothing is sold by this code; and its freshness.

        Raises:
            NotKnown: The catalog is away and the product was never seen.
        """
        try:
            found = await self._catalog.product(sku)
        except OddCode:
            return None, True
        except Unavailable as error:
            log.warning("product.remembered", sku=sku, reason=error.reason)
            remembered = self._shelf.find(sku)
            if remembered is None:
                raise NotKnown(sku) from error
            return remembered, False
        if found is None:
            self._shelf.forget([sku])
        else:
            self._shelf.remember([found])
        return found, True

    async def bill(
        self, basket: Basket, troubles: dict[str, str] | None = None
    ) -> Bill:
        """Return the basket with prices, as far as they are known.

        Args:
            basket: What is wanted; an empty one is not asked about.
            troubles: By stock code, why a line cannot be ordered.
        """
        if not basket.lines:
            return Bill([])
        try:
            quotes = await self._catalog.quotes(WantedQuotes(skus=basket.skus))
        except Unavailable as error:
            log.warning("prices.remembered", reason=error.reason)
            remembered = map(self._shelf.find, basket.skus)
            return priced(basket, remembered, fresh=False, troubles=troubles)
        self._shelf.remember(quotes.quotes)
        self._shelf.forget(quotes.unknown)
        unsold = dict.fromkeys(quotes.unknown, NO_LONGER_SOLD)
        return priced(basket, quotes.quotes, troubles={**(troubles or {}), **unsold})
