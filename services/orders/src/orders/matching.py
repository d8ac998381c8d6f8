"""Which purchases a cancellation gives back.

The rules, each a law in `tests/unit/test_matching.py`: only what the same customer
bought under the same stock code, never more than is left of it, oldest purchase first,
a whole line or nothing of it.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from orders.pricing import is_sku

Reason = Literal["no_customer", "odd_code", "no_matching_purchase", "more_than_bought"]


@dataclass(frozen=True, slots=True)
class Purchase:
    """One line of an order that was accepted or paid.

    Attributes:
        order_id: The order.
        order_number: The order's place in time; smaller is older.
        position: The line's place in its order, from 0.
        sku: What was bought.
        left: Units neither given back nor promised to be; 0 or more.
        price_pence: What one unit cost, in pence.
    """

    order_id: UUID
    order_number: int
    position: int
    sku: str
    left: int
    price_pence: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """One line of a cancellation.

    Attributes:
        sku: What is given back.
        quantity: How many units, more than 0.
    """

    sku: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Taken:
    """Units given back from one purchase."""

    purchase: Purchase
    quantity: int

    @property
    def amount_pence(self) -> int:
        """What these units cost when they were bought, in pence."""
        return self.quantity * self.purchase.price_pence


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one line of a cancellation.

    Attributes:
        wanted: The line.
        reason: Why it was not accepted, or None.
        taken: Where its units came from, oldest first; empty when not accepted.
    """

    wanted: Wanted
    reason: Reason | None
    taken: tuple[Taken, ...] = ()

    @property
    def accepted(self) -> bool:
        """Whether the whole line is given back."""
        return self.reason is None


def match(
    customer_id: str | None, lines: Sequence[Wanted], purchases: Iterable[Purchase]
) -> list[Outcome]:
    """Return what becomes of every line of a cancellation.

    Args:
        customer_id: Who gives back; None accepts nothing.
        lines: What is given back. Lines of one stock code draw on the same purchases,
            one after the other.
        purchases: What this customer bought under these codes, in any order.

    Returns:
        One outcome a line, in the order of the lines.
    """
    if customer_id is None:
        return [Outcome(wanted, "no_customer") for wanted in lines]

    bought: dict[str, list[Purchase]] = defaultdict(list)
    for purchase in sorted(purchases, key=lambda it: (it.order_number, it.position)):
        bought[purchase.sku].append(purchase)
    left = {
        (it.order_number, it.position): it.left
        for matching in bought.values()
        for it in matching
    }
    return [_outcome(wanted, bought.get(wanted.sku, []), left) for wanted in lines]


def _outcome(
    wanted: Wanted, bought: Sequence[Purchase], left: dict[tuple[int, int], int]
) -> Outcome:
    if not is_sku(wanted.sku):
        return Outcome(wanted, "odd_code")
    if not bought:
        return Outcome(wanted, "no_matching_purchase")
    if sum(left[it.order_number, it.position] for it in bought) < wanted.quantity:
        return Outcome(wanted, "more_than_bought")

    missing = wanted.quantity
    taken = []
    for purchase in bought:
        place = purchase.order_number, purchase.position
        quantity = min(left[place], missing)
        if quantity:
            left[place] -= quantity
            missing -= quantity
            taken.append(Taken(purchase, quantity))
    return Outcome(wanted, None, tuple(taken))
