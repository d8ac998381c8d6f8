"""What stock keeps."""

from datetime import UTC, datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    String,
    TypeDecorator,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class UtcMoment(TypeDecorator[datetime]):
    """A moment that comes back in UTC from databases that forget the zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_result_value(
        self, value: datetime | None, dialect: Dialect
    ) -> datetime | None:
        """Return the moment with its zone."""
        if value is not None and value.tzinfo is None:
            return value.replace(tzinfo=UTC)
        return value


class Tables(DeclarativeBase):
    """The tables of the stock service."""


class CountRow(Tables):
    """The units of one product: received = on_hand + held + sold - returned.

    `on_hand` is below zero while units of placed orders are owed.
    """

    __tablename__ = "counts"
    __table_args__ = (
        CheckConstraint(
            "received = on_hand + held + sold - returned", name="ck_counts_conserved"
        ),
    )

    sku: Mapped[str] = mapped_column(String(64), primary_key=True)
    received: Mapped[int] = mapped_column(BigInteger)
    on_hand: Mapped[int] = mapped_column(BigInteger)
    held: Mapped[int] = mapped_column(BigInteger)
    sold: Mapped[int] = mapped_column(BigInteger)
    returned: Mapped[int] = mapped_column(BigInteger)


class DeliveryRow(Tables):
    """One delivery that was counted in."""

    __tablename__ = "deliveries"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    received_at: Mapped[datetime] = mapped_column(UtcMoment)


class ReceiptRow(Tables):
    """Units of one product counted in with one delivery."""

    __tablename__ = "receipts"

    delivery_id: Mapped[str] = mapped_column(
        ForeignKey("deliveries.id"), primary_key=True
    )
    sku: Mapped[str] = mapped_column(String(64), primary_key=True)
    quantity: Mapped[int] = mapped_column(BigInteger)


class HoldRow(Tables):
    """Units taken from the shelf for one order."""

    __tablename__ = "holds"
    __table_args__ = (Index("ix_holds_expiry", "state", "expires_at"),)

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    state: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime] = mapped_column(UtcMoment)
    expires_at: Mapped[datetime] = mapped_column(UtcMoment)


class HoldLineRow(Tables):
    """All units of one product in one hold."""

    __tablename__ = "hold_lines"

    hold_id: Mapped[str] = mapped_column(ForeignKey("holds.id"), primary_key=True)
    sku: Mapped[str] = mapped_column(String(64), primary_key=True)
    quantity: Mapped[int] = mapped_column(BigInteger)


class ReturnRow(Tables):
    """Units of one sold hold that came back; once for each id."""

    __tablename__ = "returns"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    hold_id: Mapped[str] = mapped_column(ForeignKey("holds.id"))
    sku: Mapped[str] = mapped_column(String(64))
    quantity: Mapped[int] = mapped_column(BigInteger)
    returned_at: Mapped[datetime] = mapped_column(UtcMoment)
