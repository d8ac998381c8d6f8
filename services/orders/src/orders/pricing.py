"""What an order costs, and which of its lines cannot be bought."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

BadKind = Literal["odd_code", "unknown_product", "quantity_not_positive"]

_SKU = re.compile(r"[0-9]{5}[A-Za-z]{0,2}")


class Asked(Protocol):
    """A line as the buyer wrote it."""

    @property
    def sku(self) -> str:
        """What is wanted."""
        ...

    @property
    def quantity(self) -> int:
        """How many units."""
        ...


class Priced(Protocol):
    """The name and price of one product."""

    @property
    def name(self) -> str:
        """What buyers call it."""
        ...

    @property
    def price_pence(self) -> int:
        """What one unit costs, in pence."""
        ...


@dataclass(frozen=True, slots=True)
class PricedLine:
    """A line that can be bought, at the price of this moment."""

    sku: str
    name: str
    quantity: int
    price_pence: int


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that cannot be bought.

    Attributes:
        index: The line's place in the order, from 0.
        sku: What the line asked for.
        kind: The reason, for programs.
        detail: The reason, for people.
    """

    index: int
    sku: str
    kind: BadKind
    detail: str


def is_sku(text: str) -> bool:
    """Return whether `text` can be the stock code of a product.

    Args:
        text: Five digits and at most two letters, for example "85123A".
    """
    return _SKU.fullmatch(text) is not None


def askable(lines: Iterable[Asked]) -> list[str]:
    """Return the codes the catalog may know, each once, in the order of the lines."""
    return list(dict.fromkeys(line.sku for line in lines if is_sku(line.sku)))


def bad_lines(lines: Sequence[Asked], prices: Mapping[str, Priced]) -> list[BadLine]:
    """Return every line that cannot be bought, so that all can be mended at once.

    Args:
        lines: The order as the buyer wrote it.
        prices: What the catalog sells, by stock code.

    Returns:
        One entry a line, with the first rule it breaks: code, product, quantity.
    """
    found = []
    for index, line in enumerate(lines):
        if not is_sku(line.sku):
            kind: BadKind = "odd_code"
            detail = f"{line.sku!r} is not five digits and at most two letters."
        elif line.sku not in prices:
            kind, detail = "unknown_product", f"The catalog has no {line.sku!r}."
        elif line.quantity <= 0:
            kind = "quantity_not_positive"
            detail = f"{line.quantity} units of {line.sku!r} cannot be bought."
        else:
            continue
        found.append(BadLine(index, line.sku, kind, detail))
    return found


def priced_lines(
    lines: Iterable[Asked], prices: Mapping[str, Priced]
) -> list[PricedLine]:
    """Return the lines with the names and prices they are bought at.

    Args:
        lines: An order without bad lines.
        prices: What the catalog sells, by stock code.
    """
    return [
        PricedLine(
            sku=line.sku,
            name=prices[line.sku].name,
            quantity=line.quantity,
            price_pence=prices[line.sku].price_pence,
        )
        for line in lines
    ]


def total_pence(lines: Iterable[PricedLine]) -> int:
    """Return what the lines cost together, in pence."""
    return sum(line.quantity * line.price_pence for line in lines)
