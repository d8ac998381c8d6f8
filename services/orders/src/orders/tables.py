"""What orders keeps."""

from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    DateTime,
    Dialect,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    String,
    TypeDecorator,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

# SQLite counts up by itself only for a column of exactly the type INTEGER.
Number = BigInteger().with_variant(Integer, "sqlite")


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
    """The tables of the orders service."""


class OrderRow(Tables):
    """One order; `number` counts orders in the order they were accepted."""

    __tablename__ = "orders"
    __table_args__ = (
        Index("ix_orders_state", "state", "number"),
        Index("ix_orders_customer", "customer_id", "number"),
    )

    number: Mapped[int] = mapped_column(Number, primary_key=True)
    id: Mapped[UUID] = mapped_column(unique=True)
    reference: Mapped[str] = mapped_column(String(64))
    customer_id: Mapped[str | None] = mapped_column(String(64))
    country: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(16))
    total_pence: Mapped[int] = mapped_column(BigInteger)
    refused_because: Mapped[str | None] = mapped_column(String(200))
    created_at: Mapped[datetime] = mapped_column(UtcMoment)


class OrderLineRow(Tables):
    """One line of an order, at the name and price it was bought at."""

    __tablename__ = "order_lines"
    __table_args__ = (Index("ix_order_lines_sku", "order_number", "sku"),)

    order_number: Mapped[int] = mapped_column(
        Number, ForeignKey("orders.number"), primary_key=True
    )
    position: Mapped[int] = mapped_column(primary_key=True)
    sku: Mapped[str] = mapped_column(String(7))
    name: Mapped[str] = mapped_column(String(200))
    quantity: Mapped[int]
    price_pence: Mapped[int]


class CancellationRow(Tables):
    """One cancellation."""

    __tablename__ = "cancellations"

    number: Mapped[int] = mapped_column(Number, primary_key=True)
    id: Mapped[UUID] = mapped_column(unique=True)
    reference: Mapped[str] = mapped_column(String(64))
    customer_id: Mapped[str | None] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UtcMoment)


class RefundRow(Tables):
    """Units of one order line given back, and what became of the money."""

    __tablename__ = "refunds"
    __table_args__ = (
        ForeignKeyConstraint(
            ["order_number", "position"],
            ["order_lines.order_number", "order_lines.position"],
        ),
        Index("ix_refunds_line", "order_number", "position"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    cancellation_id: Mapped[UUID] = mapped_column(ForeignKey("cancellations.id"))
    order_number: Mapped[int] = mapped_column(Number)
    position: Mapped[int]
    quantity: Mapped[int]
    amount_pence: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(String(16))
    refused_because: Mapped[str | None] = mapped_column(String(200))
    created_at: Mapped[datetime] = mapped_column(UtcMoment)
