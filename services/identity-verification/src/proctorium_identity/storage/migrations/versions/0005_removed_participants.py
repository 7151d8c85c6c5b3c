"""Expand: participants who were removed from their session, whose cases take no more images."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE removed_participants (
            participant_id uuid NOT NULL,
            CONSTRAINT pk_removed_participants PRIMARY KEY (participant_id)
        )
        """
    )
