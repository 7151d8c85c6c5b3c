"""Expand and contract at once, since nothing is installed yet: certifications are ordered by the events' positions, not by times."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.execute(
        """
        ALTER TABLE certifications
            ADD COLUMN position bigint NOT NULL DEFAULT 0,
            DROP COLUMN as_of
        """
    )
    op.execute("ALTER TABLE certifications ALTER COLUMN position DROP DEFAULT")
