"""Expand the schema: store whether a session is closing."""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.execute(
        """
        ALTER TABLE sessions
            ADD COLUMN closing boolean NOT NULL DEFAULT false,
            ADD COLUMN closing_position bigint NOT NULL DEFAULT 0
        """
    )
