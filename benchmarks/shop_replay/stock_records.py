"""What stock's database says, read without the service."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from shop_replay.databases import Books


@dataclass(frozen=True, slots=True)
class Count:
    """The units of one product, as stock counts them."""

    received: int
    on_hand: int
    held: int
    sold: int
    returned: int


@dataclass(frozen=True, slots=True)
class Hold:
    """Units taken from the shelf; its id is its order's, 32 hexadecimal digits."""

    id: str
    state: str
    units: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Return:
    """Units of a sold hold that came back; its id is the refund's."""

    id: str
    hold_id: str
    sku: str
    quantity: int


@dataclass(frozen=True, slots=True)
class StockBooks:
    """Everything stock keeps.

    Attributes:
        counts: By stock code.
        received: Units of all deliveries, by stock code.
        holds: Every hold, whatever became of it.
        returns: Everything that came back.
    """

    counts: Mapping[str, Count]
    received: Mapping[str, int]
    holds: tuple[Hold, ...]
    returns: tuple[Return, ...]

    def recounted(self) -> dict[str, Count]:
        """Return what the counts must be, added up from the single rows."""
        held, sold, returned = Counter[str](), Counter[str](), Counter[str]()
        for hold in self.holds:
            if hold.state in ("held", "placed"):
                held.update(hold.units)
            elif hold.state == "sold":
                sold.update(hold.units)
        for back in self.returns:
            returned[back.sku] += back.quantity
        return {
            sku: Count(
                received=units,
                on_hand=units - held[sku] - sold[sku] + returned[sku],
                held=held[sku],
                sold=sold[sku],
                returned=returned[sku],
            )
            for sku, units in self.received.items()
        }


def read_stock(books: Books) -> StockBooks:
    """Return what stock keeps.

    Args:
        books: Its database.

    Raises:
        RecordsError: A table is missing.
    """
    counts = {
        sku: Count(*figures)
        for sku, *figures in books.execute(
            "select sku, received, on_hand, held, sold, returned from counts"
        )
    }
    received: Counter[str] = Counter()
    for sku, quantity in books.execute("select sku, quantity from receipts"):
        received[sku] += quantity
    lines: dict[str, Counter[str]] = {}
    for hold_id, sku, quantity in books.execute(
        "select hold_id, sku, quantity from hold_lines"
    ):
        lines.setdefault(hold_id, Counter())[sku] += quantity
    holds = tuple(
        Hold(_id(hold_id), state, lines.get(hold_id, Counter()))
        for hold_id, state in books.execute("select id, state from holds")
    )
    returns = tuple(
        Return(_id(row[0]), _id(row[1]), *row[2:])
        for row in books.execute("select id, hold_id, sku, quantity from returns")
    )
    return StockBooks(counts, received, holds, returns)


def _id(text: str) -> str:
    """Return an id as the other services' are read; what is no UUID stays."""
    try:
        return UUID(text).hex
    except ValueError:
        return text
