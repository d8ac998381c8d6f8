"""A buyer sees and changes their own orders, whatever their token is good for."""

from collections.abc import Iterable
from typing import Any
from uuid import uuid4

from httpx2 import AsyncClient

from fleetwright.testing import FakeIssuer, FakeTokens

MINE, THEIRS = "17850", "13047"
SCOPES = ("orders:read", "orders:write")
LINES = [{"sku": "71053", "quantity": 1}]


async def shown(buyer: str, scopes: Iterable[str] = SCOPES) -> dict[str, str]:
    """Return what a buyer shows, and a key for what they ask."""
    token = await FakeTokens(buyer, scopes=scopes).token("orders")
    return {"Authorization": f"Bearer {token}", "Idempotency-Key": str(uuid4())}


def order_of(customer_id: str | None) -> dict[str, Any]:
    """Return what is sent for an order of a customer."""
    order = {"reference": "1", "customer_id": customer_id, "country": "France"}
    return order | {"lines": LINES}


async def test_buyer_orders_for_nobody_else(orders: AsyncClient) -> None:
    """Neither for another customer nor for a guest."""
    for customer_id, status in ((MINE, 201), (THEIRS, 403), (None, 403)):
        answer = await orders.post(
            "/v1/orders", json=order_of(customer_id), headers=await shown(MINE)
        )
        assert answer.status_code == status


async def test_buyer_finds_no_order_of_another(orders: AsyncClient) -> None:
    """It is as if there were none: not even that it exists is told."""
    placed = await orders.post(
        "/v1/orders", json=order_of(THEIRS), headers=await shown(THEIRS)
    )
    url = f"/v1/orders/{placed.json()['id']}"

    theirs = await orders.get(url, headers=await shown(THEIRS))
    mine = await orders.get(url, headers=await shown(MINE))
    unknown = await orders.get(f"/v1/orders/{uuid4()}", headers=await shown(MINE))

    assert (theirs.status_code, mine.status_code, unknown.status_code) == (
        200,
        404,
        404,
    )
    assert mine.json()["kind"] == unknown.json()["kind"]


async def test_buyer_lists_their_own_orders_only(orders: AsyncClient) -> None:
    """Asking for another's does not help; services see all."""
    for buyer in (MINE, THEIRS):
        await orders.post(
            "/v1/orders", json=order_of(buyer), headers=await shown(buyer)
        )

    own = await orders.get("/v1/orders", headers=await shown(MINE))
    asked = await orders.get(
        f"/v1/orders?customer_id={THEIRS}", headers=await shown(MINE)
    )
    every = await orders.get("/v1/orders")

    assert [one["customer_id"] for one in own.json()["items"]] == [MINE]
    assert asked.json()["total"] == 0
    assert every.json()["total"] == 2


async def test_buyer_gives_nothing_of_another_back(orders: AsyncClient) -> None:
    """A cancellation pays money back: it is its own customer's to ask for."""
    answer = await orders.post(
        "/v1/cancellations",
        json={"reference": "C1", "customer_id": THEIRS, "lines": LINES},
        headers=await shown(MINE),
    )

    assert (answer.status_code, answer.json()["kind"]) == (403, "not_yours")


async def test_reading_is_no_right_to_order(orders: AsyncClient) -> None:
    """A token is good for what it says and for nothing beside."""
    answer = await orders.post(
        "/v1/orders", json=order_of(MINE), headers=await shown(MINE, ["orders:read"])
    )

    assert answer.status_code == 403


async def test_another_issuers_clerk_is_nobody(orders: AsyncClient) -> None:
    """Who vouches counts, not what is vouched for."""
    token = FakeIssuer().token("orders", caller="x", scopes=SCOPES, roles=["clerk"])

    answer = await orders.get(
        "/v1/orders", headers={"Authorization": f"Bearer {token}"}
    )

    assert answer.status_code == 401
