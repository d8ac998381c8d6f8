"""What a buyer means to order: values only, kept in a cookie by the pages."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

MOST_LINES = 100  # so that the cookie stays far below the 4,096 bytes browsers keep
MOST_UNITS = 9999  # of one product

_SKU = re.compile(r"[0-9]{5}[A-Za-z]{0,2}")


@dataclass(frozen=True, slots=True)
class BasketLine:
    """So many units of one product; at least one."""

    sku: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Basket:
    """The lines of a basket, in the order they were first put in.

    Each product is in one line; at most `MOST_LINES` lines of at most `MOST_UNITS`
    units. Whatever is built from a browser's words is kept within these bounds.
    """

    lines: tuple[BasketLine, ...] = ()

    @classmethod
    def of(cls, wanted: Iterable[tuple[str, str | int]]) -> Self:
        """Return a basket of what makes sense among the wanted lines.

        Args:
            wanted: Pairs of stock code and quantity, as a browser sent them. What is
                no stock code or no number of units is left out.
        """
        units: dict[str, int] = {}
        for sku, quantity in wanted:
            if _SKU.fullmatch(sku) and (count := whole_number(quantity)) > 0:
                units[sku] = min(units.get(sku, 0) + count, MOST_UNITS)
        lines = [BasketLine(sku, quantity) for sku, quantity in units.items()]
        return cls(tuple(lines[:MOST_LINES]))

    @classmethod
    def read(cls, cookie: str) -> Self:
        """Return the basket kept in a cookie's text, which anyone may have written."""
        parts = (line.partition("-") for line in cookie[:4096].split("."))
        return cls.of((sku, quantity) for sku, _, quantity in parts)

    def written(self) -> str:
        """Return the basket as text for a cookie, such as `85123A-6.71053-2`."""
        return ".".join(f"{line.sku}-{line.quantity}" for line in self.lines)

    def with_added(self, sku: str, quantity: str | int) -> "Basket":
        """Return this basket with more units of a product."""
        return Basket.of([*self._pairs(), (sku, quantity)])

    def without(self, sku: str) -> "Basket":
        """Return this basket with no unit of a product."""
        return Basket.of(pair for pair in self._pairs() if pair[0] != sku)

    @property
    def skus(self) -> list[str]:
        """The stock codes, in the order of the lines."""
        return [line.sku for line in self.lines]

    @property
    def units(self) -> int:
        """How many things are in the basket altogether."""
        return sum(line.quantity for line in self.lines)

    def _pairs(self) -> list[tuple[str, str | int]]:
        """Return the lines as pairs of stock code and quantity."""
        return [(line.sku, line.quantity) for line in self.lines]


def whole_number(text: str | int) -> int:
    """Return the whole number a person typed, or 0 for anything else.

    Args:
        text: What was typed; at most nine digits count as a number.
    """
    digits = str(text).strip()
    return int(digits) if re.fullmatch(r"[0-9]{1,9}", digits) else 0
