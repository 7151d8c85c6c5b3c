"""Expand the schema: add the alternative identity check to the revisions of accommodations."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.execute(
        """
        ALTER TABLE accommodation_revisions
            ADD COLUMN alternative_identity_check boolean NOT NULL DEFAULT false
        """
    )
