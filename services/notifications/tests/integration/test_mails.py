"""Mails sent for what payments tells."""

from collections.abc import Awaitable, Callable
from uuid import UUID

from fleetwright.testing import FakeBroker
from notifications.events import PaymentCaptured, PaymentDeclined, PaymentRefunded
from notifications.tables import MailRow

Mails = Callable[[], Awaitable[list[MailRow]]]
ORDER = UUID(int=1)


def captured(customer_id: str | None = "17850") -> PaymentCaptured:
    """Return the news of a captured payment."""
    return PaymentCaptured(
        order_id=ORDER, reference="536365", customer_id=customer_id, amount_pence=1000
    )


def refunded(refund_id: int) -> PaymentRefunded:
    """Return the news of money given back."""
    return PaymentRefunded(
        order_id=ORDER,
        refund_id=UUID(int=refund_id),
        reference="536365",
        customer_id="17850",
        amount_pence=400,
    )


async def test_a_paid_order_is_told_by_one_mail(
    mails: Mails, broker: FakeBroker
) -> None:
    """The mail goes to the customer and names the order."""
    await broker.deliver(captured())

    [mail] = await mails()
    assert (mail.order_id, mail.kind, mail.refund_id) == (str(ORDER), "captured", "")
    assert mail.recipient == "customer-17850@buyers.shop.example"
    assert mail.subject == "Your order 536365 is paid"


async def test_a_declined_payment_is_told_with_its_reason(
    mails: Mails, broker: FakeBroker
) -> None:
    """A buyer nobody knows is told at the counter."""
    await broker.deliver(
        PaymentDeclined(
            order_id=ORDER,
            reference="536365",
            customer_id=None,
            amount_pence=1000,
            reason="No cover.",
        )
    )

    [mail] = await mails()
    assert (mail.kind, mail.recipient) == ("declined", "counter@buyers.shop.example")
    assert "No cover." in mail.body


async def test_every_refund_of_an_order_has_its_own_mail(
    mails: Mails, broker: FakeBroker
) -> None:
    """Two refunds are two mails, after the one about the payment."""
    await broker.deliver(captured())
    await broker.deliver(refunded(1))
    await broker.deliver(refunded(2))

    kinds = [(mail.kind, mail.refund_id) for mail in await mails()]
    assert kinds == [
        ("captured", ""),
        ("refunded", str(UUID(int=1))),
        ("refunded", str(UUID(int=2))),
    ]


async def test_no_mail_is_sent_twice(mails: Mails, broker: FakeBroker) -> None:
    """Neither a second delivery nor a second event of the same fact sends again."""
    await broker.deliver(captured(), times=2)
    await broker.deliver(captured())
    await broker.deliver(refunded(1))
    await broker.deliver(refunded(1))

    assert len(await mails()) == 2
    assert broker.parked == []
