"""What a basket keeps."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storefront.basket import MOST_LINES, MOST_UNITS, Basket, BasketLine, whole_number

SKUS = st.from_regex(r"[0-9]{5}[A-Za-z]{0,2}", fullmatch=True)
PAIRS = st.lists(st.tuples(SKUS, st.integers(1, 20_000)), max_size=130)


@given(PAIRS)
def test_basket_is_read_as_it_was_written(wanted: list[tuple[str, int]]) -> None:
    """The cookie's text loses nothing of a basket."""
    basket = Basket.of(wanted)

    assert Basket.read(basket.written()) == basket


@given(PAIRS)
def test_basket_always_fits_into_a_cookie(wanted: list[tuple[str, int]]) -> None:
    """However much is wanted, the text stays far below 4,096 bytes."""
    basket = Basket.of(wanted)

    assert len(basket.written()) <= 2048
    assert len(basket.lines) <= MOST_LINES
    assert all(1 <= line.quantity <= MOST_UNITS for line in basket.lines)


@given(st.text())
def test_any_cookie_is_read_as_some_basket(cookie: str) -> None:
    """A cookie is a stranger's word: nonsense in it is left out, never an error."""
    basket = Basket.read(cookie)

    assert Basket.read(basket.written()) == basket


def test_units_of_one_product_are_one_line() -> None:
    """Adding a product again adds to its line."""
    basket = Basket().with_added("71053", 2).with_added("71053", "3")

    assert basket.lines == (BasketLine("71053", 5),)
    assert basket.units == 5


def test_line_that_is_taken_out_is_gone() -> None:
    """The other lines stay as they are."""
    basket = Basket.of([("71053", 2), ("85123A", 1)]).without("71053")

    assert basket.skus == ["85123A"]


@pytest.mark.parametrize("text", ["", "-1", "1.5", "many", "1" * 10, "²", "0"])
def test_what_is_no_number_of_units_counts_as_none(text: str) -> None:
    """Only plain digits are a number of units."""
    assert whole_number(text) == 0
