"""Expand the schema: add the state `closing`, and the columns for the closing and the expected end of sessions."""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"

_STATEMENTS = (
    """
    ALTER TABLE sessions
        ADD COLUMN closing_countdown interval NOT NULL DEFAULT interval '60 seconds',
        ADD COLUMN auto_close_after interval NOT NULL DEFAULT interval '30 minutes',
        ADD COLUMN closing_end_at timestamptz,
        ADD COLUMN closed_by uuid,
        ADD COLUMN closed_by_role text,
        ADD COLUMN late_end timestamptz,
        ADD COLUMN overdue_at timestamptz,
        DROP CONSTRAINT ck_sessions_state,
        DROP CONSTRAINT ck_sessions_started,
        DROP CONSTRAINT ck_sessions_ended,
        ADD CONSTRAINT ck_sessions_state CHECK (
            state IN ('scheduled', 'lobby_open', 'in_progress', 'closing', 'ended', 'cancelled')
        ),
        ADD CONSTRAINT ck_sessions_started CHECK (
            (state IN ('in_progress', 'closing', 'ended')) = (actual_start_time IS NOT NULL)
        ),
        ADD CONSTRAINT ck_sessions_ended CHECK (
            (state = 'ended') = (end_time IS NOT NULL) AND (state = 'ended' OR ended_by IS NULL)
        ),
        ADD CONSTRAINT ck_sessions_closing CHECK ((state = 'closing') = (closing_end_at IS NOT NULL)),
        ADD CONSTRAINT ck_sessions_closed_by CHECK (
            (closed_by IS NULL) = (closed_by_role IS NULL)
            AND (closed_by IS NULL OR closing_end_at IS NOT NULL)
            AND closed_by_role IN ('proctor', 'administrator')
        ),
        ADD CONSTRAINT ck_sessions_overdue CHECK (overdue_at IS NULL OR state = 'in_progress'),
        ADD CONSTRAINT ck_sessions_closing_countdown
            CHECK (closing_countdown BETWEEN interval '0' AND interval '10 minutes'),
        ADD CONSTRAINT ck_sessions_auto_close_after
            CHECK (auto_close_after BETWEEN interval '0' AND interval '24 hours')
    """,
    "CREATE INDEX ix_sessions_closing_due ON sessions (closing_end_at) WHERE state = 'closing'",
    "CREATE INDEX ix_sessions_in_progress ON sessions (start_time) WHERE state = 'in_progress'",
    # The trigger refuses every transition that the state machine in domain/session_states.py does not allow. It also
    # refuses an end after the stored end of a closing session.
    """
    CREATE OR REPLACE FUNCTION check_session_update() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF (OLD.state, NEW.state) NOT IN (
            ('scheduled', 'lobby_open'), ('lobby_open', 'in_progress'), ('in_progress', 'closing'),
            ('closing', 'in_progress'), ('in_progress', 'ended'), ('closing', 'ended'),
            ('scheduled', 'cancelled'), ('lobby_open', 'cancelled')
        ) THEN
            RAISE EXCEPTION 'a session cannot change from % to %', OLD.state, NEW.state
                USING ERRCODE = 'restrict_violation';
        END IF;
        IF OLD.state = 'closing' AND NEW.state = 'ended' AND NEW.end_time > OLD.closing_end_at THEN
            RAISE EXCEPTION 'a closing session cannot end after its stored end'
                USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
    # The old version of the service does not clear these columns when it ends a session.
    """
    CREATE FUNCTION clear_closing() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        NEW.closing_end_at := NULL;
        NEW.closed_by := NULL;
        NEW.closed_by_role := NULL;
        NEW.late_end := NULL;
        NEW.overdue_at := NULL;
        RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER clear_closing BEFORE UPDATE OF state ON sessions
        FOR EACH ROW WHEN (NEW.state = 'ended') EXECUTE FUNCTION clear_closing()
    """,
    """
    ALTER TABLE participant_assessments
        ADD COLUMN deadline_at timestamptz,
        ADD COLUMN stopped boolean NOT NULL DEFAULT false,
        ADD COLUMN stopped_remaining interval,
        ADD COLUMN time_position bigint NOT NULL DEFAULT 0
    """,
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
