"""Expand the schema: store since when a session continues for a participant, and start no outage before that."""

from __future__ import annotations

from alembic import op

revision = "0019"
down_revision = "0018"

_STATEMENTS = (
    "ALTER TABLE participants ADD COLUMN continued_at timestamptz",
    # Also refuse an outage that starts while the session was over for the participant.
    """
    CREATE OR REPLACE FUNCTION check_outage() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'INSERT' THEN
            IF NEW.ended_at IS NULL AND EXISTS (
                SELECT FROM participants p
                WHERE p.participant_id = NEW.participant_id AND p.session_id = NEW.session_id
                    AND p.state = 'in_session' AND NOT p.connected
                    AND (p.continued_at IS NULL OR p.continued_at <= NEW.started_at)
            ) THEN
                RETURN NEW;
            END IF;
            RAISE EXCEPTION 'only a disconnected participant in the session has an outage'
                USING ERRCODE = 'restrict_violation';
        END IF;
        IF TG_OP = 'UPDATE' THEN
            IF OLD.ended_at IS NULL AND NEW.ended_at IS NOT NULL
                AND (to_jsonb(NEW) - 'ended_at') = (to_jsonb(OLD) - 'ended_at') THEN
                RETURN NEW;
            END IF;
        END IF;
        RAISE EXCEPTION 'an outage can only end once: % is refused', TG_OP USING ERRCODE = 'restrict_violation';
    END $$
    """,
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
