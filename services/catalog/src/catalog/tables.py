"""What catalog keeps."""

from datetime import datetime

from sqlalchemy import DateTime, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Tables(DeclarativeBase):
    """The tables of the catalog service."""


class ProductRow(Tables):
    """One product; the stock code is case-sensitive, as on the shelf."""

    __tablename__ = "products"

    sku: Mapped[str] = mapped_column(String(7), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    price_pence: Mapped[int]
    changed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
