"""Fixtures shared by the tests of payments."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from httpx2 import AsyncClient, Response

from fleetwright.testing import FakeBroker, serving
from payments.app import create_app
from payments.bank import Manners
from payments.settings import PaymentsSettings

Charge = Callable[..., Awaitable[Response]]
Refund = Callable[..., Awaitable[Response]]


@pytest.fixture
def manners() -> Manners:
    """Return a bank at its best; a test may ask for worse."""
    return Manners()


@pytest.fixture
async def payments(manners: Manners, broker: FakeBroker) -> AsyncIterator[AsyncClient]:
    """Serve payments in memory: no sockets, no broker, no files."""
    settings = PaymentsSettings(
        database_url="sqlite+aiosqlite://",
        broker_url="memory://payments",
        bank_seed=manners.seed,
        bank_slow_share=manners.slow_share,
        bank_slow_seconds=manners.slow_seconds,
        bank_down_share=manners.down_share,
        bank_declined_share=manners.declined_share,
    )
    async with serving(create_app(settings), broker=broker) as http:
        yield http


@pytest.fixture
def charge(payments: AsyncClient) -> Charge:
    """Return how an order of ten pounds is charged, unless told otherwise."""

    async def charging(
        order_id: UUID, *, key: str | None = None, **changed: Any
    ) -> Response:
        body = {
            "order_id": str(order_id),
            "reference": "536365",
            "customer_id": "17850",
            "amount_pence": 1000,
        }
        headers = {"Idempotency-Key": key or str(uuid4())}
        return await payments.post("/v1/charges", json=body | changed, headers=headers)

    return charging


@pytest.fixture
def refund(payments: AsyncClient) -> Refund:
    """Return how pence of a charge are given back."""

    async def refunding(
        charge_id: str, amount_pence: int, *, key: str | None = None
    ) -> Response:
        return await payments.post(
            f"/v1/charges/{charge_id}/refunds",
            json={"amount_pence": amount_pence},
            headers={"Idempotency-Key": key or str(uuid4())},
        )

    return refunding
