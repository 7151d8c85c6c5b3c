"""Expand: who released a result that was held, and why."""

from __future__ import annotations

from alembic import op

from proctorium_common.storage.migrations import forbid_changes

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE releases (
            attempt_id uuid NOT NULL,
            released_by uuid NOT NULL,
            release_reason text NOT NULL,
            released_at timestamptz NOT NULL,
            CONSTRAINT pk_releases PRIMARY KEY (attempt_id),
            CONSTRAINT fk_releases_attempt_id_attempts FOREIGN KEY (attempt_id) REFERENCES attempts (attempt_id)
        )
    """)
    forbid_changes("releases")
