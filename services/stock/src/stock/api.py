"""What others ask of stock, over gRPC."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TypeVar

from sqlalchemy import select

from fleetwright import Problem
from fleetwright.auth import allow
from fleetwright.database import AsyncDatabase
from shop_stock.stock_pb2 import (
    Count,
    CountsReply,
    CountsRequest,
    HoldReply,
    HoldRequest,
    ReceiveReply,
    ReceiveRequest,
    ReleaseReply,
    ReleaseRequest,
    Shortage,
    Units,
)
from shop_stock.stock_pb2_grpc import StockServicer
from stock import shelf
from stock.lifecycle import HoldState
from stock.shelf import OPENING, Terms
from stock.tables import CountRow

T = TypeVar("T")
MOST_LINES = 2_000
MOST_UNITS = 1_000_000
LONGEST = 64
BACK = (HoldState.RELEASED, HoldState.REFUSED, HoldState.EXPIRED)


class StockRpc(StockServicer):
    """Answers the calls of shop.stock.v1.Stock."""

    def __init__(self, database: AsyncDatabase, terms: Terms) -> None:
        """Answer from a database.

        Args:
            database: Where units are counted.
            terms: On which terms units are held.
        """
        self._database = database
        self._terms = terms

    @allow("orders", scope="stock:write")
    async def Hold(  # noqa: N802 - as in the .proto
        self, request: HoldRequest, context: object
    ) -> HoldReply:
        """Take units from the shelf for an order, all lines or none."""
        hold_id = named(request.hold_id, "hold_id")
        lines = summed(request.lines)
        async with self._database.transaction() as transaction:
            missing = await shelf.hold(
                transaction,
                hold_id,
                lines,
                terms=self._terms,
                now=datetime.now(UTC),
            )
        return HoldReply(
            held=not missing,
            missing=[
                Shortage(sku=one.sku, wanted=one.wanted, on_hand=one.on_hand)
                for one in missing
            ],
        )

    @allow("orders", scope="stock:write")
    async def Release(  # noqa: N802 - as in the .proto
        self, request: ReleaseRequest, context: object
    ) -> ReleaseReply:
        """Put the units of a hold back on the shelf."""
        hold_id = named(request.hold_id, "hold_id")
        async with self._database.transaction() as transaction:
            row = await shelf.find_hold(transaction, hold_id)
            if row is None:
                raise Problem(404, "No such hold", kind="unknown_hold")
            if row.state in BACK:
                return ReleaseReply(released=False)
            if row.state != HoldState.HELD:
                raise Problem(
                    412,
                    "The order of the hold was placed",
                    detail="Its units come back when the order is refused or returned.",
                    kind="order_placed",
                )
            await shelf.move(transaction, [row], HoldState.RELEASED)
        return ReleaseReply(released=True)

    @allow(scope="stock:write")
    async def Receive(  # noqa: N802 - as in the .proto
        self, request: ReceiveRequest, context: object
    ) -> ReceiveReply:
        """Count a delivery in, once."""
        delivery_id = named(request.delivery_id, "delivery_id")
        if delivery_id == OPENING:
            raise refused("delivery_id", f"is not {OPENING!r}: that is stock's own")
        lines = summed(request.lines)
        async with self._database.transaction() as transaction:
            received = await shelf.receive(
                transaction, delivery_id, lines, now=datetime.now(UTC)
            )
        return ReceiveReply(received=received)

    @allow("orders", "storefront", scope="stock:read")
    async def Counts(  # noqa: N802 - as in the .proto
        self, request: CountsRequest, context: object
    ) -> CountsReply:
        """Tell how many units there are, and where."""
        skus = [named(sku, "skus") for sku in some(request.skus, "skus")]
        wanted = select(CountRow).where(CountRow.sku.in_(skus))
        async with self._database.reading() as reading:
            rows = {row.sku: row for row in await reading.scalars(wanted)}
        return CountsReply(counts=[told(rows[sku]) for sku in skus if sku in rows])


def told(row: CountRow) -> Count:
    """Return a count as it is told."""
    return Count(
        sku=row.sku,
        received=row.received,
        on_hand=row.on_hand,
        held=row.held,
        sold=row.sold,
        returned=row.returned,
    )


def summed(lines: Sequence[Units]) -> dict[str, int]:
    """Return the units of lines by stock code.

    Args:
        lines: As they came; a product may come in several.

    Raises:
        Problem: 400, there are none or too many, or one of them is odd.
    """
    found: Counter[str] = Counter()
    for line in some(lines, "lines"):
        if not 1 <= line.quantity <= MOST_UNITS:
            raise refused("lines.quantity", f"is 1 to {MOST_UNITS}")
        found[named(line.sku, "lines.sku")] += line.quantity
    return dict(found)


def some(items: Sequence[T], what: str) -> Sequence[T]:
    """Return the items.

    Args:
        items: What came.
        what: The field's name.

    Raises:
        Problem: 400, there are none or too many.
    """
    if not 1 <= len(items) <= MOST_LINES:
        raise refused(what, f"has 1 to {MOST_LINES} entries")
    return items


def named(text: str, what: str) -> str:
    """Return an id or a stock code.

    Args:
        text: What came.
        what: The field's name.

    Raises:
        Problem: 400, it is empty, too long, or breaks lines.
    """
    if not 1 <= len(text) <= LONGEST or not text.isprintable():
        raise refused(what, f"is 1 to {LONGEST} printable characters")
    return text


def refused(what: str, rule: str) -> Problem:
    """Return the refusal of a request that breaks a rule."""
    return Problem(
        400, "The request is not valid", detail=f"{what} {rule}.", kind="bad_request"
    )
