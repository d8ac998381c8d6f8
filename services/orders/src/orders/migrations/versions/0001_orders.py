"""Orders, their lines, cancellations and refunds.

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the tables of orders."""
    op.create_table(
        "orders",
        sa.Column("number", NUMBER, primary_key=True, autoincrement=True),
        sa.Column("id", sa.Uuid, nullable=False, unique=True),
        sa.Column("idempotency_key", sa.String(255), nullable=False, unique=True),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("reference", sa.String(64), nullable=False),
        sa.Column("customer_id", sa.String(64)),
        sa.Column("country", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("total_pence", sa.BigInteger, nullable=False),
        sa.Column("refused_because", sa.String(200)),
        sa.Column("created_at", MOMENT, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_orders_state", "orders", ["state", "number"])
    op.create_index("ix_orders_customer", "orders", ["customer_id", "number"])
    op.create_table(
        "order_lines",
        sa.Column("order_number", NUMBER, sa.ForeignKey("orders.number")),
        sa.Column("position", sa.Integer),
        sa.Column("sku", sa.String(7), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("quantity", sa.Integer, nullable=False),
        sa.Column("price_pence", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("order_number", "position"),
        sa.CheckConstraint("quantity > 0", name="ck_order_lines_quantity"),
    )
    op.create_index("ix_order_lines_sku", "order_lines", ["order_number", "sku"])
    _given_back()


def _given_back() -> None:
    op.create_table(
        "cancellations",
        sa.Column("number", NUMBER, primary_key=True, autoincrement=True),
        sa.Column("id", sa.Uuid, nullable=False, unique=True),
        sa.Column("idempotency_key", sa.String(255), nullable=False, unique=True),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("reference", sa.String(64), nullable=False),
        sa.Column("customer_id", sa.String(64)),
        sa.Column("answer", sa.JSON, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "refunds",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column(
            "cancellation_id",
            sa.Uuid,
            sa.ForeignKey("cancellations.id"),
            nullable=False,
        ),
        sa.Column("order_number", NUMBER, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("quantity", sa.Integer, nullable=False),
        sa.Column("amount_pence", sa.BigInteger, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("refused_because", sa.String(200)),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["order_number", "position"],
            ["order_lines.order_number", "order_lines.position"],
        ),
        sa.CheckConstraint("quantity > 0", name="ck_refunds_quantity"),
    )
    op.create_index("ix_refunds_line", "refunds", ["order_number", "position"])


def downgrade() -> None:
    """Drop the tables of orders, the newest first."""
    for table in ("refunds", "cancellations", "order_lines", "orders"):
        op.drop_table(table)
