"""What can be shown, with the catalog and without it."""

import pytest

from fleetwright import Unavailable
from storefront.assortment import NO_LONGER_SOLD, Assortment, NotKnown
from storefront.basket import Basket
from storefront.clients import Catalog, Product
from storefront.shelf import Shelf

AWAY = Unavailable("catalog does not answer", reason="connect", provider="catalog")


@pytest.fixture
def shelf() -> Shelf:
    """Return an empty shelf for three products."""
    return Shelf(3)


@pytest.fixture
def assortment(catalog: Catalog, shelf: Shelf) -> Assortment:
    """Return what can be shown with the made-up catalog."""
    return Assortment(catalog, shelf)


async def test_products_are_remembered_while_the_catalog_is_away(
    assortment: Assortment, troubles: dict[str, Exception]
) -> None:
    """What was seen is shown again, marked as not fresh."""
    seen = await assortment.showing("", 1, 10)
    troubles["catalog"] = AWAY

    remembered = await assortment.showing("", 1, 10)

    assert remembered.products == seen.products
    assert (seen.fresh, remembered.fresh) == (True, False)


async def test_remembered_products_can_be_searched_and_paged(
    assortment: Assortment, troubles: dict[str, Exception]
) -> None:
    """The shelf answers like the catalog: by part of a name or start of a code."""
    await assortment.showing("", 1, 10)
    troubles["catalog"] = AWAY

    by_name = await assortment.showing("heart", 1, 10)
    by_code = await assortment.showing("851", 1, 10)
    second = await assortment.showing("", 2, 1)

    assert [one.sku for one in by_name.products] == ["85123A"]
    assert [one.sku for one in by_code.products] == ["85123A"]
    assert [one.sku for one in second.products] == ["85123A"]
    assert second.pages == 2


async def test_newest_price_is_the_one_remembered(
    assortment: Assortment, sold: dict[str, Product], troubles: dict[str, Exception]
) -> None:
    """A product seen twice is remembered as it was the second time."""
    await assortment.product("71053")
    sold["71053"] = Product(sku="71053", name="LANTERN", price_pence=400)
    await assortment.showing("", 1, 10)
    troubles["catalog"] = AWAY

    found, fresh = await assortment.product("71053")

    assert (found, fresh) == (sold["71053"], False)


async def test_product_that_is_gone_is_forgotten(
    assortment: Assortment, sold: dict[str, Product], troubles: dict[str, Exception]
) -> None:
    """What the catalog no longer sells is not shown from memory either."""
    await assortment.product("71053")
    del sold["71053"]
    await assortment.product("71053")
    troubles["catalog"] = AWAY

    with pytest.raises(NotKnown):
        await assortment.product("71053")


async def test_basket_is_priced_by_the_catalog(assortment: Assortment) -> None:
    """Each line costs its units at the price of one."""
    bill = await assortment.bill(Basket.of([("71053", 2), ("85123A", 1)]))

    assert bill.total_pence == 2 * 339 + 255
    assert bill.is_complete
    assert bill.fresh


async def test_line_that_is_no_longer_sold_says_so(assortment: Assortment) -> None:
    """The line stays, without a price and with the reason."""
    bill = await assortment.bill(Basket.of([("99999", 1)]))

    assert bill.lines[0].trouble == NO_LONGER_SOLD
    assert bill.lines[0].total_pence is None
    assert not bill.is_complete


async def test_basket_is_priced_from_memory_while_the_catalog_is_away(
    assortment: Assortment, troubles: dict[str, Exception]
) -> None:
    """Known prices are used; what was never seen has none."""
    await assortment.product("71053")
    troubles["catalog"] = AWAY

    bill = await assortment.bill(Basket.of([("71053", 2), ("85123A", 1)]))

    assert [line.total_pence for line in bill.lines] == [678, None]
    assert not bill.fresh


async def test_empty_basket_asks_nobody(
    assortment: Assortment, troubles: dict[str, Exception]
) -> None:
    """No line, no call."""
    troubles["catalog"] = AWAY

    assert (await assortment.bill(Basket())).fresh


def test_shelf_forgets_what_was_not_seen_for_longest(shelf: Shelf) -> None:
    """The shelf is bounded; a product seen again counts as new."""
    products = [Product(sku=f"1000{n}", name="THING", price_pence=1) for n in range(4)]
    shelf.remember(products[:3])
    shelf.remember(products[:1])
    shelf.remember(products[3:])

    assert [shelf.find(one.sku) is not None for one in products] == [
        True,
        False,
        True,
        True,
    ]
    assert shelf.facts() == {"remembered": 3, "most": 3}
