"""Expand the schema: add the position of the event from which the proctors of a session were stored."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute("ALTER TABLE sessions ADD COLUMN proctors_position bigint NOT NULL DEFAULT 0")
