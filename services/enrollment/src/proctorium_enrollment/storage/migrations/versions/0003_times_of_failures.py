"""Expand: when the failures before the last one were, so that one that was none is taken back with its time."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute(
        "ALTER TABLE attempt_failures ADD COLUMN earlier timestamptz[] NOT NULL DEFAULT '{}'"
    )
