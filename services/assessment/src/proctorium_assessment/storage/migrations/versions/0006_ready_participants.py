"""Expand: participants who have everything that their session's policy demands before an assessment."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE ready_participants (
            participant_id uuid NOT NULL,
            CONSTRAINT pk_ready_participants PRIMARY KEY (participant_id)
        )
        """
    )
