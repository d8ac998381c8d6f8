"""Which picture stands for a product."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storefront.tiles import tile, tile_names


@pytest.mark.parametrize(
    ("name", "tone", "motif"),
    [
        ("WHITE METAL LANTERN", "plain", "light"),
        ("RED RETROSPOT CAKE STAND", "red", "cake"),
        ("Pink heart doily", "pink", "heart"),
        ("VINTAGE T-LIGHT HOLDER", "earth", "light"),
        ("BLUE PAPER PARASOL", "blue", "parasol"),
    ],
)
def test_words_of_the_name_choose_the_picture(name: str, tone: str, motif: str) -> None:
    """A red cake stand looks red and like cake."""
    chosen = tile("22666", name)

    assert (chosen.tone, chosen.motif) == (tone, motif)


@given(st.text(), st.text())
def test_every_product_has_a_picture_that_can_be_drawn(sku: str, name: str) -> None:
    """Whatever it is called, its tile is one the template knows, and stays the same."""
    chosen, names = tile(sku, name), tile_names()

    assert chosen.tone in names["tone"]
    assert chosen.motif in names["motif"]
    assert chosen.backdrop in names["backdrop"]
    assert tile(sku, name) == chosen


def test_products_without_telling_words_look_different() -> None:
    """The stock code decides where the name says nothing."""
    tiles = {tile(f"{code:05d}", "THING") for code in range(200)}

    assert len(tiles) > 50
