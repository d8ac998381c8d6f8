"""Giving money back, heard of and asked for."""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID, uuid4

import pytest
from httpx2 import AsyncClient, Response

from fleetwright.testing import FakeBroker
from payments.bank import Manners
from payments.events import PaymentRefunded, RefundDeclined, RefundRequested

Charge = Callable[..., Awaitable[Response]]
Refund = Callable[..., Awaitable[Response]]
ORDER = UUID(int=1)


def requested(amount_pence: int, refund_id: UUID | None = None) -> RefundRequested:
    """Return the news that pence of the order shall go back."""
    return RefundRequested(
        order_id=ORDER, refund_id=refund_id or uuid4(), amount_pence=amount_pence
    )


async def back(payments: AsyncClient) -> int:
    """Return how many pence of the order went back."""
    page = (await payments.get(f"/v1/charges?order_id={ORDER}")).json()
    return int(page["items"][0]["refunded_pence"])


async def test_a_requested_refund_goes_back(
    payments: AsyncClient, charge: Charge, broker: FakeBroker
) -> None:
    """The money is given and the fleet hears of it."""
    await charge(ORDER)
    event = requested(400)

    await broker.deliver(event)

    assert await back(payments) == 400
    assert broker.published[1:] == [
        PaymentRefunded(
            order_id=ORDER,
            refund_id=event.refund_id,
            reference="536365",
            customer_id="17850",
            amount_pence=400,
        )
    ]


async def test_a_refund_heard_of_twice_goes_back_once(
    payments: AsyncClient, charge: Charge, broker: FakeBroker
) -> None:
    """Neither a second delivery nor a second event gives money again."""
    await charge(ORDER)
    event = requested(400)

    await broker.deliver(event, times=2)
    await broker.deliver(requested(400, event.refund_id))

    assert (await back(payments), len(broker.published)) == (400, 2)
    assert broker.parked == []


async def test_more_than_is_left_is_refused_and_told(
    payments: AsyncClient, charge: Charge, broker: FakeBroker
) -> None:
    """What went back before counts."""
    await charge(ORDER)
    await broker.deliver(requested(700))

    await broker.deliver(requested(301))

    told = broker.published[-1]
    assert isinstance(told, RefundDeclined)
    assert told.reason == "More than is left of the charge."
    assert await back(payments) == 700


@pytest.mark.parametrize("manners", [Manners(declined_share=1)])
async def test_nothing_goes_back_of_a_declined_charge(
    charge: Charge, refund: Refund, broker: FakeBroker
) -> None:
    """Heard of, it is refused and told; asked for, it is refused by its kind."""
    charge_id = (await charge(ORDER)).json()["id"]

    await broker.deliver(requested(1))
    answer = await refund(charge_id, 1)

    told = broker.published[-1]
    assert isinstance(told, RefundDeclined)
    assert told.reason == "The order was not charged."
    assert (answer.status_code, answer.json()["kind"]) == (409, "not_captured")


async def test_a_refund_before_its_charge_waits(
    payments: AsyncClient, broker: FakeBroker
) -> None:
    """It is delivered again later, and neither refused nor lost."""
    await broker.deliver(requested(1))

    assert (broker.published, len(broker.parked)) == ([], 1)


async def test_a_refund_is_given_on_request(
    payments: AsyncClient, charge: Charge, refund: Refund, broker: FakeBroker
) -> None:
    """The refund is answered, kept and told."""
    charge_id = (await charge(ORDER)).json()["id"]

    answer = await refund(charge_id, 400)

    made = answer.json()
    assert (answer.status_code, made["status"]) == (201, "refunded")
    assert (made["charge_id"], made["order_id"]) == (charge_id, str(ORDER))
    assert await back(payments) == 400
    assert isinstance(broker.published[-1], PaymentRefunded)


async def test_a_repeated_refund_is_answered_as_before(
    payments: AsyncClient, charge: Charge, refund: Refund
) -> None:
    """The same key gives back once, and only what it first asked for."""
    charge_id = (await charge(ORDER)).json()["id"]
    first = await refund(charge_id, 400, key="r-1")

    second = await refund(charge_id, 400, key="r-1")
    other = await refund(charge_id, 401, key="r-1")

    assert (second.status_code, second.json()) == (201, first.json())
    assert second.headers["Idempotency-Replayed"] == "true"
    assert other.json()["kind"] == "idempotency_key_reused"
    assert await back(payments) == 400


async def test_refunds_at_once_never_exceed_the_charge(
    payments: AsyncClient, charge: Charge, refund: Refund
) -> None:
    """Of five refunds of 300 pence each of 1,000, three pass."""
    charge_id = (await charge(ORDER)).json()["id"]

    answers = await asyncio.gather(*(refund(charge_id, 300) for _ in range(5)))

    kinds = [answer.json().get("kind") for answer in answers]
    assert sorted(map(str, kinds)) == ["None"] * 3 + ["exceeds_charge"] * 2
    assert await back(payments) == 900


async def test_nothing_goes_back_of_an_unknown_charge(refund: Refund) -> None:
    """The kind says it is the charge that is missing."""
    answer = await refund(str(uuid4()), 1)

    assert (answer.status_code, answer.json()["kind"]) == (404, "unknown_charge")


@pytest.mark.parametrize("manners", [Manners(seed=3, down_share=0.5)])
async def test_a_shaky_bank_gives_back_once_in_the_end(
    payments: AsyncClient, charge: Charge, refund: Refund
) -> None:
    """Asking again with the same keys gets through, and takes and gives once."""
    while (made := await charge(ORDER, key="k-1")).status_code == 503:
        pass
    while (given := await refund(made.json()["id"], 400, key="r-1")).status_code == 503:
        pass

    assert (made.status_code, given.status_code) == (201, 201)
    assert await back(payments) == 400
