"""Which picture stands for a product that has none: a tone, a motif, a backdrop.

Only the choice is made here, from the product's own words; `templates/_tile.html` draws
it. The same product gets the same tile everywhere, for ever.
"""

import re
from dataclasses import dataclass
from zlib import crc32

# The first rule that knows a word of the name decides.
_TONES = {
    "red": "RED RETROSPOT CHERRY STRAWBERRY",
    "pink": "PINK ROSE FAIRY",
    "blue": "BLUE NAVY DENIM",
    "green": "GREEN HOLLY CHRISTMAS XMAS APPLE",
    "yellow": "YELLOW LEMON GOLD BRASS SUNFLOWER",
    "orange": "ORANGE COPPER AMBER",
    "violet": "PURPLE LILAC LAVENDER VIOLET HEATHER",
    "teal": "TURQUOISE MINT TEAL AQUA",
    "plain": "WHITE IVORY CREAM SILVER PEARL GLASS CLEAR",
    "ink": "BLACK CHARCOAL GREY GUNMETAL",
    "earth": "WOOD WOODEN BROWN CHOCOLATE VINTAGE WICKER RUSTIC NATURAL",
}
_MOTIFS = {
    "heart": "HEART HEARTS LOVE VALENTINE",
    "star": "STAR STARS",
    "light": "LIGHT LIGHTS LANTERN CANDLE CANDLES LAMP CANDLESTICK CHANDELIER T-LIGHT",
    "cake": "CAKE CAKES CUPCAKE CAKESTAND BAKING MUFFIN",
    "cup": "MUG CUP CUPS TEA COFFEE TEAPOT JUG TEACUP SAUCER",
    "bag": "BAG BAGS SHOPPER TOTE PURSE HANDBAG JUMBO",
    "clock": "CLOCK WATCH",
    "bird": "BIRD BIRDS OWL DOVE HEN CHICK CHICKEN DUCK ROBIN",
    "tree": "CHRISTMAS XMAS TREE HOLLY SKITTLES",
    "parasol": "UMBRELLA PARASOL",
    "bunting": "BUNTING GARLAND PARTY FLAG FLAGS",
    "frame": "FRAME PICTURE MIRROR SIGN BOARD CHALKBOARD BLACKBOARD PHOTO DOORMAT",
    "box": "BOX BOXES TIN TINS CASE CABINET DRAWER CHEST STORAGE",
    "card": "CARD CARDS PAPER WRAP NOTEBOOK ENVELOPE PAD TAPE TAPES STICKERS JOURNAL",
    "bottle": "BOTTLE JAR GLASS VASE JARS PERFUME",
    "pencil": "PENCIL PENCILS PEN CRAYONS CHALK ERASER ERASERS SHARPENER",
    "spoon": "SPOON SPOONS CUTLERY SPATULA FORK KNIFE WHISK LADLE",
    "bowl": "BOWL PLATE DISH TRAY PLATES BOWLS BASKET",
    "flower": "FLOWER FLOWERS ROSE DAISY GARDEN BLOSSOM PLANT LAVENDER DOILY",
    "cushion": "CUSHION BLANKET TOWEL CLOTH WARMER APRON FELT KNITTED GLOVE",
}
_SHAPES = ("rings", "arches", "leaves", "blocks")
_BACKDROPS = ("dots", "stripes", "waves", "sun")


@dataclass(frozen=True, slots=True)
class Tile:
    """A picture to draw, by the names `templates/_tile.html` knows."""

    tone: str
    motif: str
    backdrop: str


def tile(sku: str, name: str) -> Tile:
    """Return the tile of a product.

    Args:
        sku: The stock code; it decides where the name says nothing.
        name: The product's name, in any letter case.
    """
    words = re.findall(r"[A-Z]+(?:-[A-Z]+)?", name.upper())
    lot = crc32(sku.encode())
    tones = tuple(_TONES)
    return Tile(
        tone=_named(words, _TONES) or tones[lot % len(tones)],
        motif=_named(words, _MOTIFS) or _SHAPES[lot // 16 % len(_SHAPES)],
        backdrop=(
            "dots" if "RETROSPOT" in words else _BACKDROPS[lot // 64 % len(_BACKDROPS)]
        ),
    )


def tile_names() -> dict[str, tuple[str, ...]]:
    """Return every name a tile may have, so that a test can draw them all."""
    return {
        "tone": tuple(_TONES),
        "motif": (*_MOTIFS, *_SHAPES),
        "backdrop": _BACKDROPS,
    }


def _named(words: list[str], rules: dict[str, str]) -> str | None:
    """Return the first rule that knows one of the words, or None."""
    for name, known in rules.items():
        if not set(known.split()).isdisjoint(words):
            return name
    return None
