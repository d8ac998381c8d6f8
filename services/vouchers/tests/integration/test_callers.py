"""Who may issue, look up and spend vouchers."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any
from uuid import UUID

import pytest
from httpx2 import AsyncClient

from fleetwright.auth import routes_and_callers
from vouchers.app import create_app
from vouchers.settings import VouchersSettings

Serving = Callable[..., AbstractAsyncContextManager[AsyncClient]]
PAID = UUID(int=1)


def test_every_route_says_who_may_call() -> None:
    """The table of routes is read without starting anything."""
    app = create_app(VouchersSettings(database_url="sqlite://", broker_url="memory://"))

    table = {name: str(who) for name, who in routes_and_callers(app).items()}

    assert table == {
        "POST /v1/vouchers": "scope vouchers:issue and role clerk",
        "GET /v1/vouchers/<code>": "storefront, scope vouchers:read and role clerk",
        "POST /v1/vouchers/<code>/redemptions": "storefront, scope vouchers:spend",
        "GET /v1/redemptions": "storefront, scope vouchers:read and role clerk",
    }


@pytest.mark.parametrize(
    ("who", "status"),
    [
        ({"caller": None}, 401),
        ({"caller": "storefront"}, 403),
        ({"caller": "17850", "scopes": ["vouchers:issue"]}, 403),
    ],
)
async def test_only_a_clerk_issues(
    serve: Serving, who: dict[str, Any], status: int
) -> None:
    """Nobody is asked for a key or a body before that is known."""
    async with serve(**who) as http:
        answer = await http.post("/v1/vouchers", json={})

    assert answer.status_code == status


@pytest.mark.parametrize(
    ("customer", "kind"), [("17850", "unknown_voucher"), ("99", "no_order")]
)
async def test_a_buyer_spends_on_their_own_orders_only(
    serve: Serving, customer: str, kind: str
) -> None:
    """The order of another is as unknown as one that is not there."""
    async with serve(caller=customer, scopes=["vouchers:spend"]) as http:
        answer = await http.post(
            "/v1/vouchers/NOPE/redemptions",
            json={"order_id": str(PAID)},
            headers={"Idempotency-Key": "r-1"},
        )

    assert answer.json()["kind"] == kind
