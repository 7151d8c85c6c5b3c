"""Expand the schema: learners who join after the start can wait for approval."""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"

_STATEMENTS = (
    "ALTER TABLE sessions DROP CONSTRAINT ck_sessions_late_entry",
    """
    ALTER TABLE sessions ADD CONSTRAINT ck_sessions_late_entry
        CHECK (late_entry IN ('closed', 'until', 'approval'))
    """,
    "ALTER TABLE participants DROP CONSTRAINT ck_participants_state",
    """
    ALTER TABLE participants
        ADD COLUMN denial_reason text NOT NULL DEFAULT '',
        ADD CONSTRAINT ck_participants_state CHECK (state IN (
            'awaiting_approval', 'denied', 'waiting', 'in_session', 'completed', 'removed', 'no_show', 'left')),
        ADD CONSTRAINT ck_participants_denial_reason CHECK (
            CASE state WHEN 'denied' THEN denial_reason <> '' WHEN 'no_show' THEN true
            ELSE denial_reason = '' END AND length(denial_reason) <= 1000)
    """,
    """
    CREATE OR REPLACE FUNCTION check_participant_update() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF (OLD.state, NEW.state) NOT IN (
            ('awaiting_approval', 'in_session'), ('awaiting_approval', 'denied'), ('awaiting_approval', 'no_show'),
            ('denied', 'in_session'), ('denied', 'no_show'),
            ('waiting', 'in_session'), ('waiting', 'no_show'), ('waiting', 'removed'),
            ('in_session', 'completed'), ('in_session', 'left'), ('in_session', 'removed'),
            ('left', 'completed')
        ) THEN
            RAISE EXCEPTION 'a participant cannot change from % to %', OLD.state, NEW.state
                USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
