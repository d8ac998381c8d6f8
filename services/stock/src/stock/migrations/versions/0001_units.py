"""Counts, deliveries, holds and returns.

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
UNITS = sa.BigInteger
ID = sa.String(64)
SKU = sa.String(64)


def upgrade() -> None:
    """Make the tables of stock."""
    op.create_table(
        "counts",
        sa.Column("sku", SKU, primary_key=True),
        sa.Column("received", UNITS, nullable=False),
        sa.Column("on_hand", UNITS, nullable=False),
        sa.Column("held", UNITS, nullable=False),
        sa.Column("sold", UNITS, nullable=False),
        sa.Column("returned", UNITS, nullable=False),
        sa.CheckConstraint(
            "received = on_hand + held + sold - returned", name="ck_counts_conserved"
        ),
    )
    op.create_table(
        "deliveries",
        sa.Column("id", ID, primary_key=True),
        sa.Column("received_at", MOMENT, nullable=False),
    )
    op.create_table(
        "receipts",
        sa.Column("delivery_id", ID, sa.ForeignKey("deliveries.id"), primary_key=True),
        sa.Column("sku", SKU, primary_key=True),
        sa.Column("quantity", UNITS, nullable=False),
    )
    _held()


def _held() -> None:
    op.create_table(
        "holds",
        sa.Column("id", ID, primary_key=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
    )
    op.create_index("ix_holds_expiry", "holds", ["state", "expires_at"])
    op.create_table(
        "hold_lines",
        sa.Column("hold_id", ID, sa.ForeignKey("holds.id"), primary_key=True),
        sa.Column("sku", SKU, primary_key=True),
        sa.Column("quantity", UNITS, nullable=False),
        sa.CheckConstraint("quantity > 0", name="ck_hold_lines_quantity"),
    )
    op.create_table(
        "returns",
        sa.Column("id", ID, primary_key=True),
        sa.Column("hold_id", ID, sa.ForeignKey("holds.id"), nullable=False),
        sa.Column("sku", SKU, nullable=False),
        sa.Column("quantity", UNITS, nullable=False),
        sa.Column("returned_at", MOMENT, nullable=False),
        sa.CheckConstraint("quantity > 0", name="ck_returns_quantity"),
    )


def downgrade() -> None:
    """Drop the tables of stock, the newest first."""
    for table in ("returns", "hold_lines", "holds", "receipts", "deliveries", "counts"):
        op.drop_table(table)
