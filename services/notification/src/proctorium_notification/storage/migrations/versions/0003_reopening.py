"""Expand the schema: sessions can be reopened after their end."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute("ALTER TABLE sessions ADD COLUMN end_position bigint NOT NULL DEFAULT 0")
