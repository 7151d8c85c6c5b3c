"""Expand: the destination of a waiting mail, so that a sender can skip slow destinations."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.execute(
        "ALTER TABLE deliveries ADD COLUMN destination smallint"
        " CONSTRAINT ck_deliveries_destination CHECK (destination BETWEEN 0 AND 1023)"
    )
