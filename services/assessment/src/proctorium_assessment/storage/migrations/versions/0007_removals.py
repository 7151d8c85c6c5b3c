"""Expand the schema: removals can end, and sessions can end for single participants."""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"

_STATEMENTS = (
    """
    ALTER TABLE removed_participants
        ADD COLUMN is_removed boolean NOT NULL DEFAULT true,
        ADD COLUMN position bigint NOT NULL DEFAULT 0
    """,
    """
    CREATE TABLE ended_participants (
        participant_id uuid NOT NULL,
        CONSTRAINT pk_ended_participants PRIMARY KEY (participant_id)
    )
    """,
    # Before this revision, a removal closed the attempts of the participant.
    "INSERT INTO ended_participants SELECT participant_id FROM removed_participants",
    """
    ALTER TABLE attempts
        DROP CONSTRAINT ck_attempts_submit_cause,
        ADD CONSTRAINT ck_attempts_submit_cause CHECK (
            submit_cause IN ('learner', 'time_limit_exceeded', 'session_ended', 'removed', 'ended_by_proctor')
        )
    """,
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
