"""Expand the schema: store which revisions of answers were reported as received during a stop."""

from __future__ import annotations

from alembic import op

from proctorium_common.storage.migrations import forbid_changes

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE changes_during_stops (
            attempt_id uuid NOT NULL,
            sequence bigint NOT NULL,
            stop_id uuid NOT NULL,
            CONSTRAINT pk_changes_during_stops PRIMARY KEY (attempt_id, sequence),
            CONSTRAINT fk_changes_during_stops_attempt_id_answer_revisions
                FOREIGN KEY (attempt_id, sequence) REFERENCES answer_revisions (attempt_id, sequence)
        )
    """)
    forbid_changes("changes_during_stops")
