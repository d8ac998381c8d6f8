"""Answers under Idempotency-Keys move to the table the runtime keeps.

Revision ID: 0002
Revises: 0001
"""

import json
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from alembic import op

from fleetwright.idempotency import kept_answers

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Move what a repetition may still ask for."""
    kept_answers.create(op.get_bind(), checkfirst=True)
    answers = sa.table(
        "answers",
        *map(sa.column, ("idempotency_key", "status")),
        sa.column("body", sa.JSON),
        sa.column("created_at", MOMENT),
    )
    young = answers.c.created_at > datetime.now(UTC) - timedelta(hours=24)
    rows = [
        {
            "route": f"POST {_path(answer.body)}",
            "principal": "",
            "key": answer.idempotency_key,
            "fingerprint": "",  # was taken another way; any request is a repetition
            "state": 1,
            "status": answer.status,
            "headers": "{}",
            "body": json.dumps(answer.body).encode(),
            "claimed_at": answer.created_at.replace(tzinfo=UTC).timestamp(),
        }
        for answer in op.get_bind().execute(sa.select(answers).where(young))
    ]
    if rows:
        op.bulk_insert(kept_answers, rows)
    op.drop_table("answers")


def _path(body: dict[str, object]) -> str:
    """Return where an answer was given: only a refund names its charge."""
    is_refund = "charge_id" in body
    return "/v1/charges/{charge_id}/refunds" if is_refund else "/v1/charges"


def downgrade() -> None:
    """Make the old table again; keys used since then are forgotten."""
    op.create_table(
        "answers",
        sa.Column("idempotency_key", sa.String(255), primary_key=True),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("body", sa.JSON, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
    )
    kept_answers.drop(op.get_bind(), checkfirst=True)
