"""Expand the schema: add the position of the event that removed or readmitted a learner."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute("ALTER TABLE session_members ADD COLUMN removal_position bigint NOT NULL DEFAULT 0")
