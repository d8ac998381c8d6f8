"""What may be sold."""

import pytest

from catalog.products import is_sku, refusal


@pytest.mark.parametrize("code", ["85123A", "71053", "15056BL", "85123a"])
def test_five_digits_and_at_most_two_letters_are_a_code(code: str) -> None:
    """Codes of products pass, in upper and lower case."""
    assert is_sku(code)


@pytest.mark.parametrize(
    "code", ["POST", "D", "BANK CHARGES", "8512", "851234", "85123ABC", "85123A\n", ""]
)
def test_anything_else_is_no_code(code: str) -> None:
    """Postage, fees and slips of the pen are not products."""
    assert not is_sku(code)


def test_a_product_with_code_name_and_price_may_be_sold() -> None:
    """Nothing is held against a whole product."""
    assert refusal("71053", "WHITE METAL LANTERN", 339) is None


def test_the_first_broken_rule_is_told() -> None:
    """Code comes before name, name before price."""
    assert [
        found.kind
        for found in (
            refusal("POST", "", 0),
            refusal("71053", "  ", 0),
            refusal("71053", "LANTERN", 0),
            refusal("71053", "LANTERN", -1),
        )
        if found is not None
    ] == ["odd_code", "no_description", "price_not_positive", "price_not_positive"]
