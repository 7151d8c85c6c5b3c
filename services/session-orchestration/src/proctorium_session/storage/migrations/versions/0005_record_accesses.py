"""Expand: who read the record of a session."""

from __future__ import annotations

from alembic import op

from proctorium_common.storage.migrations import forbid_changes

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE record_accesses (
            session_id uuid NOT NULL,
            minute timestamptz NOT NULL,
            read_by uuid NOT NULL,
            read_as text NOT NULL,
            CONSTRAINT pk_record_accesses PRIMARY KEY (session_id, minute, read_by, read_as),
            CONSTRAINT fk_record_accesses_session_id_sessions
                FOREIGN KEY (session_id) REFERENCES sessions (session_id),
            CONSTRAINT ck_record_accesses_read_as CHECK (read_as IN ('proctor', 'administrator')),
            CONSTRAINT ck_record_accesses_minute CHECK (minute = date_trunc('minute', minute))
        )
        """
    )
    forbid_changes("record_accesses")
