"""Who may call orders, and that nobody else can."""

import json
from pathlib import Path

import pytest

from fleetwright.auth import routes_and_callers
from fleetwright.testing import open_doors, serving
from orders.app import create_app
from orders.settings import OrdersSettings

SETTINGS = OrdersSettings(
    database_url="sqlite+aiosqlite://", broker_url="memory://callers"
)


def test_callers_are_these() -> None:
    """The table that operators read; a change of it is a change of who is trusted."""
    app = create_app(SETTINGS)

    assert {it: str(who) for it, who in routes_and_callers(app).items()} == {
        "POST /v1/orders": "storefront, scope orders:write",
        "GET /v1/orders": "storefront, scope orders:read",
        "GET /v1/orders/{order_id}": "storefront, vouchers, scope orders:read",
        "POST /v1/cancellations": "storefront, scope orders:write",
    }


async def test_every_closed_route_refuses_strangers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a token, with another's, and by whom it does not name."""
    nobody = dict.fromkeys(("catalog", "stock", "stock.grpc"), "http://127.0.0.1:1")
    (tmp_path / "map.json").write_text(json.dumps(nobody))
    monkeypatch.setenv("FLEET_MAP", str(tmp_path / "map.json"))
    app = create_app(SETTINGS)
    async with serving(app, caller=None) as http:
        assert await open_doors(app, http) == []
