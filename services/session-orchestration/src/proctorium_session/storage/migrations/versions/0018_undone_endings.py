"""Expand the schema: the end of a session for a participant can be undone."""

from __future__ import annotations

from alembic import op

revision = "0018"
down_revision = "0017"

_STATEMENTS = (
    """
    ALTER TABLE endings
        ADD COLUMN undone_at timestamptz,
        ADD COLUMN undone_by uuid,
        ADD COLUMN undone_role text,
        DROP CONSTRAINT uq_endings_participant_id,
        ADD CONSTRAINT ck_endings_undone CHECK (num_nulls(undone_at, undone_by, undone_role) IN (0, 3)),
        ADD CONSTRAINT ck_endings_undone_at CHECK (undone_at >= ended_at),
        ADD CONSTRAINT ck_endings_undone_role CHECK (undone_role IN ('proctor', 'administrator'))
    """,
    "CREATE UNIQUE INDEX uq_endings_valid ON endings (participant_id) WHERE undone_at IS NULL",
    # Refuse every change of an end except that it is undone once.
    """
    CREATE FUNCTION forbid_ending_changes() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF OLD.undone_at IS NULL AND NEW.undone_at IS NOT NULL
            AND (to_jsonb(NEW) - '{undone_at,undone_by,undone_role}'::text[])
                = (to_jsonb(OLD) - '{undone_at,undone_by,undone_role}'::text[]) THEN
            RETURN NEW;
        END IF;
        RAISE EXCEPTION 'an end for a participant can only be undone once' USING ERRCODE = 'restrict_violation';
    END $$
    """,
    "DROP TRIGGER forbid_changes ON endings",
    """
    CREATE TRIGGER forbid_changes BEFORE DELETE OR TRUNCATE ON endings
        FOR EACH STATEMENT EXECUTE FUNCTION forbid_changes()
    """,
    "ALTER TABLE endings ENABLE ALWAYS TRIGGER forbid_changes",
    """
    CREATE TRIGGER forbid_ending_changes BEFORE UPDATE ON endings
        FOR EACH ROW EXECUTE FUNCTION forbid_ending_changes()
    """,
    "ALTER TABLE endings ENABLE ALWAYS TRIGGER forbid_ending_changes",
    # Copy the end, or that it was undone, to the participant.
    """
    CREATE OR REPLACE FUNCTION copy_ending() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.undone_at IS NULL THEN
            UPDATE participants
                SET ending_id = NEW.ending_id, ended_at = NEW.ended_at, end_reason = NEW.end_reason
                WHERE participant_id = NEW.participant_id;
        ELSE
            UPDATE participants SET ending_id = NULL, ended_at = NULL, end_reason = ''
                WHERE participant_id = NEW.participant_id AND ending_id = NEW.ending_id;
        END IF;
        RETURN NULL;
    END $$
    """,
    "DROP TRIGGER copy_ending ON endings",
    """
    CREATE TRIGGER copy_ending AFTER INSERT OR UPDATE ON endings
        FOR EACH ROW EXECUTE FUNCTION copy_ending()
    """,
    # The end for a participant can also be undone while the session is closing.
    """
    CREATE OR REPLACE FUNCTION check_participant_update() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF (OLD.state, NEW.state) IN (
            ('completed', 'in_session'), ('left', 'in_session'), ('no_show', 'awaiting_approval'), ('no_show', 'denied')
        ) THEN
            IF NEW.ending_id IS NOT NULL OR NOT EXISTS (
                SELECT FROM sessions WHERE session_id = NEW.session_id AND state IN ('in_progress', 'closing')
            ) THEN
                RAISE EXCEPTION 'a participant can change from % to % only in a session that continues for them',
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
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
