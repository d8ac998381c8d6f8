"""What notifications keeps."""

from datetime import datetime

from sqlalchemy import DateTime, String, Text, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from notifications.letters import Kind

# Not null: two nulls are different to a unique constraint.
NO_REFUND = ""


class Tables(DeclarativeBase):
    """The tables of the notifications service."""


class MailRow(Tables):
    """One mail that was sent: at most one for an order, a kind and a refund."""

    __tablename__ = "mails"
    __table_args__ = (
        UniqueConstraint("order_id", "kind", "refund_id", name="uq_mails_once"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[str] = mapped_column(String(36))
    kind: Mapped[Kind] = mapped_column(String(16))
    refund_id: Mapped[str] = mapped_column(String(36), default=NO_REFUND)
    recipient: Mapped[str] = mapped_column(String(200))
    subject: Mapped[str] = mapped_column(String(200))
    body: Mapped[str] = mapped_column(Text)
    sent_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
