"""Spending vouchers on orders."""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID, uuid4

import pytest
from httpx2 import AsyncClient, Response

from fleetwright import Unavailable
from fleetwright.testing import FakeBroker
from vouchers.events import VoucherRedeemed

Issue = Callable[..., Awaitable[str]]
Redeem = Callable[..., Awaitable[Response]]
PAID, REFUSED, SMALL = UUID(int=1), UUID(int=2), UUID(int=3)


async def test_a_voucher_is_spent_on_an_order_and_the_fleet_is_told(
    vouchers: AsyncClient, issue: Issue, redeem: Redeem, broker: FakeBroker
) -> None:
    """It gives its amount, and is spent from then on."""
    code = await issue()

    answer = await redeem(code)

    assert answer.status_code == 201
    spent = answer.json()
    assert (spent["code"], spent["order_id"]) == (code, str(PAID))
    assert (spent["customer_id"], spent["worth_pence"]) == ("17850", 500)
    voucher = (await vouchers.get(f"/v1/vouchers/{code}")).json()
    assert (voucher["status"], voucher["redemption"]) == ("spent", spent)
    assert broker.published == [
        VoucherRedeemed(code=code, order_id=PAID, customer_id="17850", worth_pence=500)
    ]


async def test_a_voucher_gives_at_most_the_total_of_the_order(
    issue: Issue, redeem: Redeem
) -> None:
    """What is left of it is lost."""
    answer = await redeem(await issue(), SMALL)

    assert answer.json()["worth_pence"] == 120


async def test_a_repeated_redemption_is_answered_as_before(
    issue: Issue, redeem: Redeem, broker: FakeBroker, asked: list[UUID]
) -> None:
    """Nothing is spent, told or asked a second time."""
    code = await issue()

    first = await redeem(code, key="r-1")
    again = await redeem(code, key="r-1")

    assert (again.status_code, again.json()) == (201, first.json())
    assert len(broker.published) == 1
    assert asked == [PAID]


async def test_a_spent_voucher_is_refused(
    issue: Issue, redeem: Redeem, broker: FakeBroker
) -> None:
    """Not even on another order."""
    code = await issue()
    await redeem(code)

    answer = await redeem(code, SMALL)

    assert (answer.status_code, answer.json()["kind"]) == (409, "voucher_spent")
    assert len(broker.published) == 1


async def test_an_order_takes_one_voucher(issue: Issue, redeem: Redeem) -> None:
    """The second one stays unspent."""
    await redeem(await issue())
    second = await issue()

    answer = await redeem(second)

    assert (answer.status_code, answer.json()["kind"]) == (409, "order_has_voucher")
    assert (await redeem(second, SMALL)).status_code == 201


async def test_an_expired_voucher_is_refused(
    vouchers: AsyncClient, issue: Issue, redeem: Redeem
) -> None:
    """It says so when it is looked up as well."""
    code = await issue(expires_at="2010-12-01T00:00:00Z")

    answer = await redeem(code)

    assert (answer.status_code, answer.json()["kind"]) == (409, "voucher_expired")
    assert (await vouchers.get(f"/v1/vouchers/{code}")).json()["status"] == "expired"


@pytest.mark.parametrize(
    ("order_id", "kind"), [(REFUSED, "order_refused"), (UUID(int=9), "no_order")]
)
async def test_an_order_that_cannot_take_it_leaves_the_voucher_unspent(
    vouchers: AsyncClient, issue: Issue, redeem: Redeem, order_id: UUID, kind: str
) -> None:
    """Refused and unknown orders take nothing."""
    code = await issue()

    answer = await redeem(code, order_id)

    assert (answer.status_code, answer.json()["kind"]) == (409, kind)
    assert (await vouchers.get(f"/v1/vouchers/{code}")).json()["status"] == "unspent"


async def test_an_unknown_voucher_cannot_be_spent(redeem: Redeem) -> None:
    """The order is there, the voucher is not."""
    answer = await redeem("NOPE")

    assert (answer.status_code, answer.json()["kind"]) == (404, "unknown_voucher")


async def test_orders_being_away_leaves_the_voucher_unspent(
    issue: Issue, redeem: Redeem, trouble: list[Exception]
) -> None:
    """The same key works once orders is back."""
    code = await issue()
    trouble.append(Unavailable("away", reason="connect", provider="orders"))

    away = await redeem(code, key="r-1")
    trouble.clear()
    back = await redeem(code, key="r-1")

    assert (away.status_code, away.json()["kind"]) == (503, "unavailable")
    assert away.json()["detail"] == "orders is not available"
    assert back.status_code == 201


async def test_of_many_at_once_one_spends_the_voucher(
    issue: Issue, redeem: Redeem, broker: FakeBroker
) -> None:
    """Threads take turns at the row; seven are told that it is spent."""
    code = await issue()

    answers = await asyncio.gather(*(redeem(code) for _ in range(8)))

    statuses = sorted(answer.status_code for answer in answers)
    assert statuses.count(201) == 1
    assert set(statuses) <= {201, 409, 503}
    assert len(broker.published) == 1


async def test_what_was_spent_on_an_order_is_listed(
    vouchers: AsyncClient, issue: Issue, redeem: Redeem
) -> None:
    """By the order's id; nothing for an order without a voucher."""
    spent = (await redeem(await issue())).json()

    one = await vouchers.get(f"/v1/redemptions?order_id={PAID}")
    none = await vouchers.get(f"/v1/redemptions?order_id={uuid4()}")
    odd = await vouchers.get("/v1/redemptions?order_id=7")

    assert one.json() == {"items": [spent]}
    assert none.json() == {"items": []}
    assert (odd.status_code, odd.json()["kind"]) == (422, "invalid_request")
