"""Drawing the tiles."""

import re
from pathlib import Path

from storefront import pages
from storefront.tiles import tile_names

TILE = Path(pages.__file__).parent / "templates" / "_tile.html"


def test_every_motif_and_backdrop_has_a_drawing() -> None:
    """Each name a tile may have is drawn; the last of each kind is the else branch."""
    drawn = set(re.findall(r'if name == "(\w+)"', TILE.read_text()))
    names = tile_names()

    assert drawn == {*names["motif"][:-1], *names["backdrop"][:-1]}


def test_every_tone_has_its_colours() -> None:
    """The stylesheet knows each tone by its class."""
    known = set(re.findall(r"\.tone-(\w+)", (pages.STATIC / "shop.css").read_text()))

    assert known == set(tile_names()["tone"])
