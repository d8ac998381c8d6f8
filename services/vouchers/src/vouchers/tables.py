"""What vouchers keeps."""

from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, Dialect, ForeignKey, String, TypeDecorator
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


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
    """The tables of the vouchers service."""


class VoucherRow(Tables):
    """One voucher."""

    __tablename__ = "vouchers"

    code: Mapped[str] = mapped_column(String(16), primary_key=True)
    amount_pence: Mapped[int] = mapped_column(BigInteger)
    expires_at: Mapped[datetime | None] = mapped_column(UtcMoment)
    created_at: Mapped[datetime] = mapped_column(UtcMoment)
    redemption: Mapped["RedemptionRow | None"] = relationship(lazy="joined")


class RedemptionRow(Tables):
    """What one voucher was spent on: one order each, and an order takes one."""

    __tablename__ = "redemptions"

    code: Mapped[str] = mapped_column(ForeignKey("vouchers.code"), primary_key=True)
    order_id: Mapped[UUID] = mapped_column(unique=True)
    customer_id: Mapped[str | None] = mapped_column(String(64))
    worth_pence: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(UtcMoment)
