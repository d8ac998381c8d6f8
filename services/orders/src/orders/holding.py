"""How the units of an order are held before it is accepted."""

from collections.abc import Sequence
from uuid import UUID, uuid5

from fleetwright import Problem, Refused
from orders.pricing import PricedLine
from shop_stock.stock_pb2 import HoldRequest, Units
from shop_stock.stock_pb2_grpc import StockStub

_ORDERS = UUID("5b7c1d5e-9c62-4a3c-8b0e-0f4f6f6c1a55")
_CONFLICT = 409


def order_id_of(key: str) -> UUID:
    """Return the id of the order that is placed under a key.

    The key decides it, so that a request sent again, also to another process, holds
    its units once.

    Args:
        key: The Idempotency-Key together with who gave it.
    """
    return uuid5(_ORDERS, key)


async def held(order_id: UUID, lines: Sequence[PricedLine], stock: StockStub) -> None:
    """Hold the units of all lines, or none.

    The hold is not given back when the order is not kept after all: the same request
    may be on its way again and count on it. It ends by itself.

    Args:
        order_id: Names the hold.
        lines: What is bought.
        stock: Who holds.

    Raises:
        Problem: 409 `out_of_stock`, with what there is too little of; 422
            `idempotency_key_reused`, other lines were held under this key.
        Unavailable: Stock did not answer in time, or is down.
    """
    wanted = [Units(sku=line.sku, quantity=line.quantity) for line in lines]
    request = HoldRequest(hold_id=str(order_id), lines=wanted)
    try:
        reply = await stock.Hold(request)
    except Refused as refused:
        if refused.status != _CONFLICT:
            raise
        raise Problem(
            422,
            "Idempotency-Key was used for another request",
            detail="A new request needs a new key; a repetition the same content.",
            kind="idempotency_key_reused",
        ) from refused
    if reply.held:
        return
    missing = [
        {"sku": one.sku, "wanted": one.wanted, "on_hand": one.on_hand}
        for one in reply.missing
    ]
    raise Problem(
        409,
        "Out of stock",
        detail=f"There is too little of {len(missing)} products; nothing was ordered.",
        kind="out_of_stock",
        missing=missing,
    )
