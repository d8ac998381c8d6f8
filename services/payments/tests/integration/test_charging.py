"""Charging orders, heard of and asked for."""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID, uuid4

import pytest
from httpx2 import AsyncClient, Response

from fleetwright.testing import FakeBroker
from payments.bank import DECLINED, Bank, Manners
from payments.charging import charge_key
from payments.events import OrderPlaced, PaymentCaptured, PaymentDeclined

Charge = Callable[..., Awaitable[Response]]
ORDER = UUID(int=1)


def placed(order_id: UUID = ORDER) -> OrderPlaced:
    """Return the news of an order of ten pounds."""
    return OrderPlaced(
        order_id=order_id, reference="536365", customer_id="17850", total_pence=1000
    )


async def of_order(payments: AsyncClient, order_id: UUID = ORDER) -> dict[str, object]:
    """Return the one charge of an order."""
    page = (await payments.get(f"/v1/charges?order_id={order_id}")).json()
    [charge] = page["items"]
    assert page["total"] == 1
    return dict(charge)


async def test_a_placed_order_is_charged(
    payments: AsyncClient, broker: FakeBroker
) -> None:
    """The bank takes the order's total, and the fleet hears of it."""
    await broker.deliver(placed())

    charge = await of_order(payments)
    assert (charge["status"], charge["amount_pence"]) == ("captured", 1000)
    assert broker.published == [
        PaymentCaptured(
            order_id=ORDER,
            charge_id=UUID(str(charge["id"])),
            reference="536365",
            customer_id="17850",
            amount_pence=1000,
        )
    ]


async def test_the_bank_knows_an_order_by_one_key(
    payments: AsyncClient, broker: FakeBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often a death makes us ask again, it takes the money once."""
    asked: list[str] = []
    charge = Bank.charge

    async def noted(bank: Bank, key: str, reference: str) -> str | None:
        asked.append(key)
        return await charge(bank, key, reference)

    monkeypatch.setattr(Bank, "charge", noted)
    await broker.deliver(placed())

    assert set(asked) == {charge_key(ORDER)}


async def test_an_order_heard_of_twice_is_charged_once(
    payments: AsyncClient, broker: FakeBroker
) -> None:
    """Neither a second delivery nor a second event takes money again."""
    await broker.deliver(placed(), times=2)
    await broker.deliver(placed())

    assert (await of_order(payments))["refunded_pence"] == 0
    assert len(broker.published) == 1


@pytest.mark.parametrize("manners", [Manners(declined_share=1)])
async def test_what_the_bank_declines_is_told_with_its_reason(
    payments: AsyncClient, broker: FakeBroker
) -> None:
    """A declined charge is kept: it was asked for and answered."""
    await broker.deliver(placed())

    charge = await of_order(payments)
    assert (charge["status"], charge["declined_because"]) == ("declined", DECLINED)
    [told] = broker.published
    assert isinstance(told, PaymentDeclined)
    assert told.reason == DECLINED


@pytest.mark.parametrize("manners", [Manners(down_share=1)])
async def test_a_bank_that_is_down_leaves_nothing_behind(
    payments: AsyncClient, broker: FakeBroker
) -> None:
    """The event waits for another try; no charge is kept and none is told."""
    await broker.deliver(placed())

    assert (await payments.get("/v1/charges")).json()["total"] == 0
    assert (broker.published, len(broker.parked)) == ([], 1)


async def test_an_order_is_charged_on_request(
    payments: AsyncClient, charge: Charge, broker: FakeBroker
) -> None:
    """The charge is answered, kept and told."""
    answer = await charge(ORDER)

    made = answer.json()
    assert (answer.status_code, made["status"]) == (201, "captured")
    assert (await payments.get(f"/v1/charges/{made['id']}")).json() == made
    assert [type(event) for event in broker.published] == [PaymentCaptured]


async def test_a_repeated_request_is_answered_as_before(
    charge: Charge, broker: FakeBroker
) -> None:
    """The same key is given the same answer, and no money is taken."""
    first = await charge(ORDER, key="k-1")

    second = await charge(ORDER, key="k-1")

    assert (second.status_code, second.json()) == (201, first.json())
    assert second.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers
    assert len(broker.published) == 1


async def test_a_request_sent_twice_at_once_charges_once(
    charge: Charge, broker: FakeBroker
) -> None:
    """All copies are given one answer."""
    answers = await asyncio.gather(*(charge(ORDER, key="k-1") for _ in range(5)))

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len(broker.published) == 1


async def test_another_request_under_a_used_key_is_refused(charge: Charge) -> None:
    """A key names one request for ever."""
    await charge(ORDER, key="k-1")

    answer = await charge(ORDER, key="k-1", amount_pence=1)

    assert (answer.status_code, answer.json()["kind"]) == (
        422,
        "idempotency_key_reused",
    )


async def test_an_order_is_not_charged_a_second_time(charge: Charge) -> None:
    """Another key does not make it another order; not even at the same moment."""
    answers = await asyncio.gather(charge(ORDER), charge(ORDER))
    later = await charge(ORDER)

    assert sorted(answer.status_code for answer in answers) == [201, 409]
    assert (later.status_code, later.json()["kind"]) == (409, "already_charged")


@pytest.mark.parametrize("manners", [Manners(down_share=1)])
async def test_a_bank_that_is_down_is_told_as_unavailable(charge: Charge) -> None:
    """503 with the time to ask again; the key is free for that."""
    answer = await charge(ORDER, key="k-1")

    assert (answer.status_code, answer.json()["kind"]) == (503, "unavailable")
    assert answer.headers["Retry-After"] == "1"


@pytest.mark.parametrize("path", ["/v1/charges", f"/v1/charges/{ORDER}/refunds"])
@pytest.mark.parametrize(
    ("headers", "kind"),
    [
        ({}, "missing_idempotency_key"),
        ({"Idempotency-Key": "two words"}, "odd_idempotency_key"),
    ],
)
async def test_a_request_without_a_usable_key_is_refused(
    payments: AsyncClient, path: str, headers: dict[str, str], kind: str
) -> None:
    """Without a key a repetition could not be told from a new request."""
    body: dict[str, object] = {"amount_pence": 1}
    if path == "/v1/charges":
        body |= {"order_id": str(ORDER), "reference": "1"}

    answer = await payments.post(path, json=body, headers=headers)

    assert (answer.status_code, answer.json()["kind"]) == (400, kind)


@pytest.mark.parametrize(
    "changed",
    [{"amount_pence": 0}, {"amount_pence": 1.5}, {"reference": ""}, {"colour": "red"}],
)
async def test_what_is_no_charge_at_all_is_an_invalid_request(
    charge: Charge, changed: dict[str, object]
) -> None:
    """Nothing, fractions and unknown parts are not charged."""
    answer = await charge(ORDER, **changed)

    assert (answer.status_code, answer.json()["kind"]) == (422, "invalid_request")


async def test_an_unknown_charge_is_not_found(payments: AsyncClient) -> None:
    """The kind says it is the charge that is missing, not the path."""
    answer = await payments.get(f"/v1/charges/{ORDER}")

    assert (answer.status_code, answer.json()["kind"]) == (404, "unknown_charge")


async def test_charges_are_listed_newest_first(
    payments: AsyncClient, charge: Charge
) -> None:
    """Pages follow one another."""
    ids = [(await charge(uuid4())).json()["id"] for _ in range(3)]

    first = (await payments.get("/v1/charges?page_size=2")).json()
    second = (await payments.get("/v1/charges?page_size=2&page=2")).json()

    listed = [item["id"] for page in (first, second) for item in page["items"]]
    assert (listed, first["total"]) == (ids[::-1], 3)
