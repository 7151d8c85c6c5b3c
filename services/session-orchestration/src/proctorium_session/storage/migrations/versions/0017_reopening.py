"""Expand the schema: sessions can be reopened after their end."""

from __future__ import annotations

from alembic import op

revision = "0017"
down_revision = "0016"

_STATEMENTS = (
    """
    ALTER TABLE sessions
        ADD COLUMN reopen_window interval NOT NULL DEFAULT interval '5 minutes',
        ADD COLUMN reopen_until timestamptz,
        ADD CONSTRAINT ck_sessions_reopen_window CHECK (reopen_window BETWEEN interval '0' AND interval '1 hour'),
        ADD CONSTRAINT ck_sessions_reopen_until CHECK (reopen_until IS NULL OR state = 'ended')
    """,
    "CREATE INDEX ix_sessions_reopen_until ON sessions (reopen_until) WHERE reopen_until IS NOT NULL",
    """
    CREATE OR REPLACE FUNCTION check_session_update() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF (OLD.state, NEW.state) NOT IN (
            ('scheduled', 'lobby_open'), ('lobby_open', 'in_progress'), ('in_progress', 'closing'),
            ('closing', 'in_progress'), ('in_progress', 'ended'), ('closing', 'ended'), ('ended', 'in_progress'),
            ('scheduled', 'cancelled'), ('lobby_open', 'cancelled')
        ) THEN
            RAISE EXCEPTION 'a session cannot change from % to %', OLD.state, NEW.state
                USING ERRCODE = 'restrict_violation';
        END IF;
        IF OLD.state = 'closing' AND NEW.state = 'ended' AND NEW.end_time > OLD.closing_end_at THEN
            RAISE EXCEPTION 'a closing session cannot end after its stored end'
                USING ERRCODE = 'restrict_violation';
        END IF;
        IF OLD.state = 'ended' AND NEW.state = 'in_progress' AND EXISTS (
            SELECT FROM participants JOIN participant_assessments USING (participant_id)
            WHERE participants.session_id = NEW.session_id AND participant_assessments.state = 5
        ) THEN
            RAISE EXCEPTION 'a session with a released result cannot be reopened' USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
    # The state of a participant changes back only after a reopening of the session.
    """
    CREATE OR REPLACE FUNCTION check_participant_update() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF (OLD.state, NEW.state) IN (
            ('completed', 'in_session'), ('left', 'in_session'), ('no_show', 'awaiting_approval'), ('no_show', 'denied')
        ) THEN
            IF NEW.ending_id IS NOT NULL
                OR NOT EXISTS (SELECT FROM sessions WHERE session_id = NEW.session_id AND state = 'in_progress') THEN
                RAISE EXCEPTION 'a participant can change from % to % only in a session that was reopened',
                    OLD.state, NEW.state USING ERRCODE = 'restrict_violation';
            END IF;
            RETURN NEW;
        END IF;
        IF (OLD.state, NEW.state) NOT IN (
            ('awaiting_approval', 'in_session'), ('awaiting_approval', 'denied'), ('awaiting_approval', 'no_show'),
            ('denied', 'in_session'), ('denied', 'no_show'),
            ('waiting', 'in_session'), ('waiting', 'no_show'), ('waiting', 'removed'),
            ('in_session', 'completed'), ('in_session', 'left'), ('in_session', 'removed'),
            ('left', 'completed'), ('removed', 'waiting'), ('removed', 'in_session')
        ) THEN
            RAISE EXCEPTION 'a participant cannot change from % to %', OLD.state, NEW.state
                USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
    # A restored attempt returns to the state in which it was voided.
    """
    CREATE OR REPLACE FUNCTION check_progress_update() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.authorization_revision < OLD.authorization_revision THEN
            RAISE EXCEPTION 'the authorization revision of a progress cannot decrease'
                USING ERRCODE = 'restrict_violation';
        END IF;
        IF NEW.state < OLD.state AND NOT (OLD.state = 2 AND NEW.state = 1)
            AND NOT (OLD.state = 4 AND NEW.state = 3 AND NEW.state_position > OLD.state_position)
            AND NOT (OLD.state = 6 AND NEW.state IN (1, 2) AND NEW.state_position > OLD.state_position) THEN
            RAISE EXCEPTION 'the progress cannot change from % to %', OLD.state, NEW.state
                USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
