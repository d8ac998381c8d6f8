"""Products.

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table of products."""
    op.create_table(
        "products",
        sa.Column("sku", sa.String(7), primary_key=True),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("price_pence", sa.Integer, nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("price_pence > 0", name="ck_products_price"),
    )


def downgrade() -> None:
    """Drop the table of products."""
    op.drop_table("products")
