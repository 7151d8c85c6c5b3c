"""Expand the schema: create the table of uncovered sessions."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE session_coverage (
            session_id uuid NOT NULL,
            position bigint NOT NULL,
            event_id uuid,
            proctor_ids uuid[] NOT NULL,
            announced_event_id uuid,
            announced_at timestamptz,
            CONSTRAINT pk_session_coverage PRIMARY KEY (session_id)
        )
        """
    )
    op.execute(
        """
        CREATE INDEX ix_session_coverage_uncovered ON session_coverage (session_id)
            WHERE event_id IS NOT NULL AND event_id IS DISTINCT FROM announced_event_id
        """
    )
