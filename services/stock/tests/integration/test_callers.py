"""Who may call which method."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from fleetwright import Refused, Service
from fleetwright.testing import calling
from shop_stock.stock_pb2 import (
    CountsRequest,
    HoldRequest,
    ReceiveRequest,
    ReleaseRequest,
    Units,
)
from shop_stock.stock_pb2_grpc import StockStub

LINES = [Units(sku="tea", quantity=1)]
CALLS: dict[str, Callable[[Any], Awaitable[Any]]] = {
    "Hold": lambda stock: stock.Hold(HoldRequest(hold_id="1", lines=LINES)),
    "Release": lambda stock: stock.Release(ReleaseRequest(hold_id="1")),
    "Receive": lambda stock: stock.Receive(
        ReceiveRequest(delivery_id="1", lines=LINES)
    ),
    "Counts": lambda stock: stock.Counts(CountsRequest(skus=["tea"])),
}


async def answered(
    service: Service, caller: str | None, scopes: list[str] | None = None
) -> dict[str, int]:
    """Return the status of every method for somebody, 200 where it was answered."""
    found = {}
    async with calling(service, StockStub, caller=caller, scopes=scopes) as stock:
        for name, call in CALLS.items():
            try:
                await call(stock)
                found[name] = 200
            except Refused as refused:
                found[name] = refused.status
    return found


async def test_orders_holds_and_releases(service: Service) -> None:
    """And reads counts; deliveries are not its business."""
    assert await answered(service, "orders") == {
        "Hold": 200,
        "Release": 200,
        "Receive": 403,
        "Counts": 200,
    }


async def test_storefront_reads_counts_only(service: Service) -> None:
    """It shows what there is."""
    found = await answered(service, "storefront")

    assert [name for name, status in found.items() if status == 200] == ["Counts"]


@pytest.mark.parametrize(
    ("scopes", "reached"),
    [(["stock:read"], ["Counts"]), (["stock:write"], ["Hold", "Release", "Receive"])],
)
async def test_people_need_a_scope(
    service: Service, scopes: list[str], reached: list[str]
) -> None:
    """What their token is good for, and no more."""
    found = await answered(service, "ann", scopes)

    assert [name for name, status in found.items() if status == 200] == reached


async def test_nobody_is_told_to_say_who_it_is(service: Service) -> None:
    """Before anything of the request is read."""
    assert set((await answered(service, None)).values()) == {401}
