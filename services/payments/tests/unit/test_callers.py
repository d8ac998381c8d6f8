"""Who may call payments, and that nobody else can."""

from fleetwright.auth import routes_and_callers
from fleetwright.testing import open_doors, serving
from payments.app import create_app
from payments.settings import PaymentsSettings

SETTINGS = PaymentsSettings(
    database_url="sqlite+aiosqlite://", broker_url="memory://callers"
)


def test_callers_are_these() -> None:
    """The table that operators read; a change of it is a change of who is trusted."""
    app = create_app(SETTINGS)

    assert {it: str(who) for it, who in routes_and_callers(app).items()} == {
        "POST /v1/charges": "orders, scope payments:write",
        "GET /v1/charges": "orders, scope payments:read",
        "GET /v1/charges/{charge_id}": "orders, scope payments:read",
        "POST /v1/charges/{charge_id}/refunds": "orders, scope payments:write",
    }


async def test_every_closed_route_refuses_strangers() -> None:
    """Without a token, with another's, and by whom it does not name."""
    app = create_app(SETTINGS)
    async with serving(app, caller=None) as http:
        assert await open_doors(app, http) == []
