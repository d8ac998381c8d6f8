"""Vouchers, and what each was spent on.

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


def upgrade() -> None:
    """Make the tables of vouchers."""
    op.create_table(
        "vouchers",
        sa.Column("code", sa.String(16), primary_key=True),
        sa.Column("amount_pence", sa.BigInteger, nullable=False),
        sa.Column("expires_at", MOMENT),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.CheckConstraint("amount_pence > 0", name="ck_vouchers_amount"),
    )
    # The last line of defence: whatever the code believes, a voucher is spent once,
    # and an order takes one.
    op.create_table(
        "redemptions",
        sa.Column(
            "code", sa.String(16), sa.ForeignKey("vouchers.code"), primary_key=True
        ),
        sa.Column("order_id", sa.Uuid, nullable=False, unique=True),
        sa.Column("customer_id", sa.String(64)),
        sa.Column("worth_pence", sa.BigInteger, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.CheckConstraint("worth_pence >= 0", name="ck_redemptions_worth"),
    )


def downgrade() -> None:
    """Drop the tables of vouchers, the newest first."""
    for table in ("redemptions", "vouchers"):
        op.drop_table(table)
