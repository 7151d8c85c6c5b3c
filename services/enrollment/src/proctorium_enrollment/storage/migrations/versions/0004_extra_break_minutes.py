"""Expand the schema: add the extra break time to the revisions of accommodations."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.execute(
        """
        ALTER TABLE accommodation_revisions
            ADD COLUMN extra_break_minutes integer NOT NULL DEFAULT 0,
            ADD CONSTRAINT ck_accommodation_revisions_extra_break_minutes CHECK (extra_break_minutes BETWEEN 0 AND 120)
        """
    )
