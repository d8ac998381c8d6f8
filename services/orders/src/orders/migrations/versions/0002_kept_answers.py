"""Answers under Idempotency-Keys move to the table the runtime keeps.

Revision ID: 0002
Revises: 0001
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from alembic import op

from fleetwright.idempotency import kept_answers

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
REPLAYED = 200


def upgrade() -> None:
    """Move what a repetition may still ask for, then drop the columns."""
    kept_answers.create(op.get_bind(), checkfirst=True)
    since = datetime.now(UTC) - timedelta(hours=24)
    rows = [*_cancellations(since), *_orders(since)]
    if rows:
        op.bulk_insert(kept_answers, rows)
    for table, columns in (
        ("orders", ("idempotency_key", "fingerprint")),
        ("cancellations", ("idempotency_key", "fingerprint", "answer")),
    ):
        with op.batch_alter_table(
            table, table_kwargs={"sqlite_autoincrement": True}
        ) as batch:
            for column in columns:
                batch.drop_column(column)


def _kept(path: str, row: Any, answer: dict[str, Any]) -> dict[str, Any]:
    return {
        "route": f"POST {path}",
        "principal": "",
        "key": row.idempotency_key,
        "fingerprint": "",  # was taken another way; any request is a repetition
        "state": 1,
        "status": REPLAYED,
        "headers": "{}",
        "body": json.dumps(answer).encode(),
        "claimed_at": row.created_at.replace(tzinfo=UTC).timestamp(),
    }


def _cancellations(since: datetime) -> Iterator[dict[str, Any]]:
    table = sa.table(
        "cancellations",
        sa.column("idempotency_key"),
        sa.column("answer", sa.JSON),
        sa.column("created_at", MOMENT),
    )
    young = sa.select(table).where(table.c.created_at > since)
    for row in op.get_bind().execute(young):
        yield _kept("/v1/cancellations", row, row.answer)


def _orders(since: datetime) -> Iterator[dict[str, Any]]:
    """Yield answers as they were given: at first nothing was paid or given back."""
    orders = sa.table(
        "orders",
        sa.column("number"),
        sa.column("id", sa.Uuid),
        *map(sa.column, ("idempotency_key", "reference", "customer_id", "country")),
        sa.column("total_pence"),
        sa.column("created_at", MOMENT),
    )
    young = sa.select(orders).where(orders.c.created_at > since)
    for row in op.get_bind().execute(young).all():
        answer = {
            "id": str(row.id),
            "reference": row.reference,
            "customer_id": row.customer_id,
            "country": row.country,
            "status": "accepted",
            "total_pence": row.total_pence,
            "refused_because": None,
            "created_at": row.created_at.replace(tzinfo=UTC).isoformat(),
            "lines": _lines(row.number),
            "refunds": [],
        }
        yield _kept("/v1/orders", row, answer)


def _lines(number: int) -> list[dict[str, Any]]:
    names = ("sku", "name", "quantity", "price_pence")
    lines = sa.table(
        "order_lines", *map(sa.column, (*names, "order_number", "position"))
    )
    wanted = (
        sa.select(*(lines.c[name] for name in names))
        .where(lines.c.order_number == number)
        .order_by(lines.c.position)
    )
    return [dict(row._mapping) for row in op.get_bind().execute(wanted)]


def downgrade() -> None:
    """Make the columns again; keys used since then are forgotten."""
    for table in ("orders", "cancellations"):
        with op.batch_alter_table(
            table, table_kwargs={"sqlite_autoincrement": True}
        ) as batch:
            batch.add_column(sa.Column("idempotency_key", sa.String(255)))
            batch.add_column(sa.Column("fingerprint", sa.String(64)))
            if table == "cancellations":
                batch.add_column(sa.Column("answer", sa.JSON))
    kept_answers.drop(op.get_bind(), checkfirst=True)
