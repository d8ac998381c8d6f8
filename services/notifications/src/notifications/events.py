"""The events notifications hears; it publishes none."""

from datetime import UTC, datetime
from uuid import UUID

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from fleetwright.events import Event, Redelivery, Subscriptions
from notifications.letters import (
    Kind,
    Letter,
    captured,
    declined,
    recipient,
    refunded,
)
from notifications.tables import NO_REFUND, MailRow

log = structlog.get_logger()


class PaymentCaptured(Event, topic="payments.captured", version=1):
    """The fields of a captured payment that a letter needs."""

    order_id: UUID
    reference: str
    customer_id: str | None
    amount_pence: int


class PaymentDeclined(Event, topic="payments.declined", version=1):
    """The fields of a declined payment that a letter needs."""

    order_id: UUID
    reference: str
    customer_id: str | None
    amount_pence: int
    reason: str


class PaymentRefunded(Event, topic="payments.refunded", version=1):
    """The fields of a refund that a letter needs."""

    order_id: UUID
    refund_id: UUID
    reference: str
    customer_id: str | None
    amount_pence: int


def hearing(domain: str) -> Subscriptions:
    """Return what notifications listens to.

    Args:
        domain: Domain of the buyers' addresses.
    """
    subscriptions = Subscriptions()

    @subscriptions.on(PaymentCaptured, redelivery=Redelivery(attempts=8))
    async def paid(payment: PaymentCaptured, transaction: AsyncSession) -> None:
        letter = captured(payment.reference, payment.amount_pence)
        mail = mail_of(payment.order_id, Kind.CAPTURED, letter)
        mail.recipient = recipient(payment.customer_id, domain)
        await send_once(transaction, mail)

    @subscriptions.on(PaymentDeclined, redelivery=Redelivery(attempts=8))
    async def not_paid(payment: PaymentDeclined, transaction: AsyncSession) -> None:
        letter = declined(payment.reference, payment.amount_pence, payment.reason)
        mail = mail_of(payment.order_id, Kind.DECLINED, letter)
        mail.recipient = recipient(payment.customer_id, domain)
        await send_once(transaction, mail)

    @subscriptions.on(PaymentRefunded, redelivery=Redelivery(attempts=8))
    async def money_back(payment: PaymentRefunded, transaction: AsyncSession) -> None:
        letter = refunded(payment.reference, payment.amount_pence)
        mail = mail_of(payment.order_id, Kind.REFUNDED, letter)
        mail.refund_id = str(payment.refund_id)
        mail.recipient = recipient(payment.customer_id, domain)
        await send_once(transaction, mail)

    return subscriptions


def mail_of(order_id: UUID, kind: Kind, letter: Letter) -> MailRow:
    """Return a mail that is not addressed yet.

    Args:
        order_id: Which order it is about.
        kind: What it tells.
        letter: Its words.
    """
    return MailRow(
        order_id=str(order_id),
        kind=kind,
        refund_id=NO_REFUND,
        subject=letter.subject[:200],
        body=letter.body,
        sent_at=datetime.now(UTC),
    )


async def send_once(transaction: AsyncSession, mail: MailRow) -> None:
    """Send the mail, unless the same was sent before.

    Sending is keeping it: this shop has no mail server. A real one would be given
    `uq_mails_once` as its key and asked before the commit.

    Args:
        transaction: The transaction that records the delivery.
        mail: What to send.
    """
    sent = await transaction.scalar(
        select(MailRow.id).where(
            MailRow.order_id == mail.order_id,
            MailRow.kind == mail.kind,
            MailRow.refund_id == mail.refund_id,
        )
    )
    if sent is not None:
        log.info("mail.repeated", order_id=mail.order_id, kind=mail.kind)
        return
    transaction.add(mail)
