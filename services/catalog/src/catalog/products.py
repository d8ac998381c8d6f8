"""What may be sold: the rules a product must meet before it is kept."""

import re
from dataclasses import dataclass
from typing import Literal

SKU_PATTERN = "^[0-9]{5}[A-Za-z]{0,2}$"
HIGHEST_PRICE_PENCE = 100_000_000
LONGEST_NAME = 200

RefusalKind = Literal["odd_code", "no_description", "price_not_positive"]

_SKU = re.compile(r"[0-9]{5}[A-Za-z]{0,2}")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a product is not taken.

    Attributes:
        kind: The reason, for programs.
        detail: The reason, for people.
    """

    kind: RefusalKind
    detail: str


def is_sku(text: str) -> bool:
    """Return whether `text` is a stock code of a product.

    Args:
        text: Five digits and at most two letters, for example "85123A". Codes of
            postage, fees and samples ("POST", "BANK CHARGES") are not products.
    """
    return _SKU.fullmatch(text) is not None


def refusal(sku: str, name: str, price_pence: int) -> Refusal | None:
    """Return why a product may not be sold, or None when it may.

    Args:
        sku: The stock code asked for.
        name: What the product is called.
        price_pence: Price of one unit, in pence.

    Returns:
        The first rule broken, in the order code, name, price.
    """
    if not is_sku(sku):
        return Refusal(
            "odd_code", f"{sku!r} is not five digits and at most two letters."
        )
    if not name.strip():
        return Refusal("no_description", f"{sku!r} has no name a buyer could read.")
    if price_pence <= 0:
        return Refusal(
            "price_not_positive", f"{sku!r} costs {price_pence} pence, not more than 0."
        )
    return None
