"""Charges, refunds and the answers given under Idempotency-Keys.

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
    """Make the tables of payments."""
    op.create_table(
        "charges",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("order_id", sa.Uuid, nullable=False, unique=True),
        sa.Column("reference", sa.String(64), nullable=False),
        sa.Column("customer_id", sa.String(64)),
        sa.Column("amount_pence", sa.BigInteger, nullable=False),
        sa.Column("refunded_pence", sa.BigInteger, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("declined_because", sa.String(200)),
        sa.Column("created_at", MOMENT, nullable=False),
        # The last line of defence: whatever the code believes, no charge gives back
        # more than it took.
        sa.CheckConstraint(
            "refunded_pence between 0 and amount_pence", name="ck_charges_refunded"
        ),
    )
    op.create_index("ix_charges_created", "charges", ["created_at", "id"])
    op.create_table(
        "refunds",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("charge_id", sa.Uuid, sa.ForeignKey("charges.id"), nullable=False),
        sa.Column("amount_pence", sa.BigInteger, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("refused_because", sa.String(200)),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.CheckConstraint("amount_pence > 0", name="ck_refunds_amount"),
    )
    op.create_index("ix_refunds_charge", "refunds", ["charge_id"])
    op.create_table(
        "answers",
        sa.Column("idempotency_key", sa.String(255), primary_key=True),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("body", sa.JSON, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
    )


def downgrade() -> None:
    """Drop the tables of payments, the newest first."""
    for table in ("answers", "refunds", "charges"):
        op.drop_table(table)
