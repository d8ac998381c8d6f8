"""Fixtures shared by the tests of vouchers."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any
from uuid import UUID, uuid4

import pytest
from httpx2 import AsyncClient, Response

from fleetwright.testing import FakeBroker, serving
from vouchers.app import create_app
from vouchers.clients import Order, Orders, OrderStatus
from vouchers.settings import VouchersSettings

Issue = Callable[..., Awaitable[str]]
Redeem = Callable[..., Awaitable[Response]]
PAID = UUID(int=1)
REFUSED = UUID(int=2)
SMALL = UUID(int=3)


class MadeUpOrders:
    """An order desk that knows what is in `known`, while it has no `trouble`."""

    def __init__(
        self, known: dict[UUID, Order], asked: list[UUID], trouble: list[Exception]
    ) -> None:
        """Know the orders of a test, and write down what is asked for."""
        self._known = known
        self._asked = asked
        self._trouble = trouble

    def find(self, order_id: UUID) -> Order | None:
        """Answer as orders would."""
        self._asked.append(order_id)
        if self._trouble:
            raise self._trouble[0]
        return self._known.get(order_id)


def order(order_id: UUID, status: OrderStatus, total_pence: int) -> Order:
    """Return an order of one customer."""
    return Order(
        id=order_id, customer_id="17850", status=status, total_pence=total_pence
    )


@pytest.fixture
def asked() -> list[UUID]:
    """Return the orders that were asked for."""
    return []


@pytest.fixture
def trouble() -> list[Exception]:
    """Return what orders raises instead of answering: nothing yet."""
    return []


Serving = Callable[..., AbstractAsyncContextManager[AsyncClient]]


@pytest.fixture
def serve(broker: FakeBroker, asked: list[UUID], trouble: list[Exception]) -> Serving:
    """Return how vouchers is served without sockets, broker or files that stay."""
    known = {
        PAID: order(PAID, OrderStatus.paid, 2000),
        REFUSED: order(REFUSED, OrderStatus.refused, 2000),
        SMALL: order(SMALL, OrderStatus.accepted, 120),
    }
    settings = VouchersSettings(
        database_url="sqlite://", broker_url="memory://vouchers"
    )

    def serving_as(**who: Any) -> AbstractAsyncContextManager[AsyncClient]:
        replace = {Orders: MadeUpOrders(known, asked, trouble)}
        app = create_app(settings)
        return serving(app, replace=replace, broker=broker, **who)

    return serving_as


@pytest.fixture
async def vouchers(serve: Serving) -> AsyncIterator[AsyncClient]:
    """Serve vouchers to somebody who may do everything."""
    async with serve() as http:
        yield http


@pytest.fixture
def issue(vouchers: AsyncClient) -> Issue:
    """Return how a voucher of five pounds is issued, unless told otherwise."""

    async def issuing(**changed: Any) -> str:
        answer = await vouchers.post(
            "/v1/vouchers",
            json={"amount_pence": 500} | changed,
            headers={"Idempotency-Key": str(uuid4())},
        )
        assert answer.status_code == 201, answer.text
        return str(answer.json()["code"])

    return issuing


@pytest.fixture
def redeem(vouchers: AsyncClient) -> Redeem:
    """Return how a voucher is spent on the paid order, unless told otherwise."""

    async def redeeming(
        code: str, order_id: UUID = PAID, *, key: str | None = None
    ) -> Response:
        return await vouchers.post(
            f"/v1/vouchers/{code}/redemptions",
            json={"order_id": str(order_id)},
            headers={"Idempotency-Key": key or str(uuid4())},
        )

    return redeeming
