"""Spending a voucher on the page of an order."""

import re
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from httpx2 import AsyncClient, Response

from fleetwright import Unavailable
from storefront.clients import Order, OrderStatus, Redemption, VoucherRefused

AWAY = Unavailable("vouchers does not answer", reason="timeout", provider="vouchers")
GOOD_CODE = "ABCD-EFGH-JKMN"
ORDER = UUID(int=7)
KEY = str(UUID(int=8))


@pytest.fixture(autouse=True)
def order(kept: dict[UUID, Order]) -> Order:
    """Keep a paid order of ten pounds."""
    kept[ORDER] = Order(
        id=ORDER,
        reference="WEB-1",
        customer_id="17850",
        country="France",
        status=OrderStatus.paid,
        total_pence=1000,
        lines=[],
        refused_because=None,
        created_at=datetime(2010, 12, 1, 8, 26, tzinfo=UTC),
    )
    return kept[ORDER]


async def spend(shop: AsyncClient, code: str, key: str = KEY) -> Response:
    """Send the form of a voucher."""
    return await shop.post(f"/orders/{ORDER}/voucher", data={"code": code, "key": key})


async def test_page_of_an_order_takes_a_voucher(shop: AsyncClient) -> None:
    """The form carries a number of its own, so that pressing twice spends once."""
    page = await shop.get(f"/orders/{ORDER}")

    assert page.status_code == 200
    assert "Voucher code" in page.text
    assert re.search(r'name="key" value="[0-9a-f-]{36}"', page.text)
    assert "fleet-degraded" not in page.headers


async def test_spent_voucher_is_shown_in_place_of_the_form(
    shop: AsyncClient, spent: dict[UUID, Redemption]
) -> None:
    """The buyer comes back to the order and sees what was credited."""
    answer = await spend(shop, GOOD_CODE)

    assert (answer.status_code, answer.headers["location"]) == (
        303,
        f"/orders/{ORDER}#till",
    )
    assert spent[ORDER].code == GOOD_CODE
    page = (await shop.get(f"/orders/{ORDER}")).text
    assert GOOD_CODE in page
    assert "£5.00 credited" in page
    assert "Voucher code" not in page


@pytest.mark.parametrize("code", ["WRONG", "../x", "<b>", "é"])
async def test_refused_voucher_is_explained_beside_the_order(
    shop: AsyncClient, code: str, spent: dict[UUID, Redemption]
) -> None:
    """What was typed is kept and escaped; the order is there as before."""
    answer = await spend(shop, code)

    assert answer.status_code == 422
    assert "We know no voucher of this code" in answer.text
    assert "£10.00" in answer.text
    assert "<b>" not in answer.text
    assert spent == {}


async def test_reason_the_shop_has_no_words_for_is_told_as_it_came(
    shop: AsyncClient, troubles: dict[str, Exception]
) -> None:
    """A new refusal of vouchers needs no new storefront."""
    problem = {"kind": "moon", "detail": "Not at full moon."}
    troubles["redeeming"] = VoucherRefused("no", status=409, problem=problem)

    answer = await spend(shop, GOOD_CODE)

    assert "Not at full moon." in answer.text


async def test_page_of_an_order_does_without_vouchers(
    shop: AsyncClient, troubles: dict[str, Exception]
) -> None:
    """The order is shown, and the page says what is missing."""
    troubles["vouchers"] = AWAY

    page = await shop.get(f"/orders/{ORDER}")

    assert page.status_code == 200
    assert page.headers["fleet-degraded"] == "vouchers"
    assert "£10.00" in page.text
    assert "voucher desk does not answer" in page.text
    assert "Voucher code" not in page.text


async def test_postponed_voucher_keeps_what_was_typed_and_its_key(
    shop: AsyncClient, troubles: dict[str, Exception]
) -> None:
    """Sending the same form again spends once, whatever became of the first."""
    troubles["redeeming"] = AWAY

    answer = await spend(shop, GOOD_CODE)

    assert answer.status_code == 503
    assert f'name="key" value="{KEY}"' in answer.text
    assert f'value="{GOOD_CODE}"' in answer.text
    assert "never spends it twice" in answer.text


async def test_refused_order_takes_no_voucher(
    shop: AsyncClient, order: Order, kept: dict[UUID, Order]
) -> None:
    """Nothing was paid for it."""
    kept[ORDER] = order.model_copy(update={"status": OrderStatus.refused})

    page = await shop.get(f"/orders/{ORDER}")

    assert "Voucher code" not in page.text


@pytest.mark.parametrize(("code", "key"), [("", KEY), (GOOD_CODE, ""), ("X", "a b")])
async def test_broken_form_leads_back_to_the_order(
    shop: AsyncClient, code: str, key: str, spent: dict[UUID, Redemption]
) -> None:
    """There is a whole form there."""
    answer = await spend(shop, code, key)

    assert answer.status_code == 303
    assert spent == {}


async def test_form_of_another_site_spends_nothing(
    shop: AsyncClient, spent: dict[UUID, Redemption]
) -> None:
    """The browser says where the form comes from."""
    answer = await shop.post(
        f"/orders/{ORDER}/voucher",
        data={"code": GOOD_CODE, "key": KEY},
        headers={"sec-fetch-site": "cross-site"},
    )

    assert answer.status_code == 403
    assert spent == {}


async def test_voucher_for_an_unknown_order_finds_no_page(
    shop: AsyncClient, troubles: dict[str, Exception]
) -> None:
    """The page says that there is no such order."""
    troubles["redeeming"] = AWAY

    answer = await shop.post(
        f"/orders/{uuid4()}/voucher", data={"code": GOOD_CODE, "key": KEY}
    )

    assert answer.status_code == 404
