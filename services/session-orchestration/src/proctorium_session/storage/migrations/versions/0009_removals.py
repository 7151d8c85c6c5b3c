"""Expand the schema: create the tables of removals and of ends for participants, and columns in `participants`."""

from __future__ import annotations

from alembic import op

from proctorium_common.storage.migrations import forbid_changes

revision = "0009"
down_revision = "0008"

_TABLES = (
    """
    ALTER TABLE participants
        ADD COLUMN removal_id uuid,
        ADD COLUMN removed_at timestamptz,
        ADD COLUMN ending_id uuid,
        ADD COLUMN ended_at timestamptz,
        ADD COLUMN end_reason text NOT NULL DEFAULT '',
        ADD CONSTRAINT ck_participants_removal CHECK (removal_id IS NULL OR state = 'removed'),
        ADD CONSTRAINT ck_participants_ending
            CHECK (ending_id IS NULL OR state IN ('completed', 'left', 'removed'))
    """,
    """
    CREATE TABLE removals (
        removal_id uuid NOT NULL,
        session_id uuid NOT NULL,
        participant_id uuid NOT NULL,
        removal_reason text NOT NULL,
        removed_at timestamptz NOT NULL,
        removed_by uuid NOT NULL,
        acting_role text NOT NULL,
        readmitted_at timestamptz,
        readmitted_by uuid,
        CONSTRAINT pk_removals PRIMARY KEY (removal_id),
        CONSTRAINT fk_removals_session_id_sessions FOREIGN KEY (session_id) REFERENCES sessions (session_id),
        CONSTRAINT fk_removals_participant_id_participants
            FOREIGN KEY (participant_id) REFERENCES participants (participant_id),
        CONSTRAINT ck_removals_removal_reason CHECK (removal_reason <> '' AND length(removal_reason) <= 1000),
        CONSTRAINT ck_removals_acting_role CHECK (acting_role IN ('proctor', 'administrator')),
        CONSTRAINT ck_removals_readmitted CHECK ((readmitted_at IS NULL) = (readmitted_by IS NULL)),
        CONSTRAINT ck_removals_readmitted_at CHECK (readmitted_at >= removed_at)
    )
    """,
    "CREATE UNIQUE INDEX uq_removals_open ON removals (participant_id) WHERE readmitted_at IS NULL",
    """
    CREATE TABLE endings (
        ending_id uuid NOT NULL,
        session_id uuid NOT NULL,
        participant_id uuid NOT NULL,
        end_reason text NOT NULL,
        ended_at timestamptz NOT NULL,
        ended_by uuid NOT NULL,
        acting_role text NOT NULL,
        CONSTRAINT pk_endings PRIMARY KEY (ending_id),
        CONSTRAINT uq_endings_participant_id UNIQUE (participant_id),
        CONSTRAINT fk_endings_session_id_sessions FOREIGN KEY (session_id) REFERENCES sessions (session_id),
        CONSTRAINT fk_endings_participant_id_participants
            FOREIGN KEY (participant_id) REFERENCES participants (participant_id),
        CONSTRAINT ck_endings_end_reason CHECK (end_reason <> '' AND length(end_reason) <= 1000),
        CONSTRAINT ck_endings_acting_role CHECK (acting_role IN ('proctor', 'administrator'))
    )
    """,
)

_TRIGGERS = (
    """
    CREATE TRIGGER check_participant_of_session BEFORE INSERT ON removals
        FOR EACH ROW EXECUTE FUNCTION check_participant_of_session()
    """,
    """
    CREATE TRIGGER check_participant_of_session BEFORE INSERT ON endings
        FOR EACH ROW EXECUTE FUNCTION check_participant_of_session()
    """,
    # Refuse every change of a removal except its end.
    """
    CREATE FUNCTION forbid_removal_changes() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'UPDATE' THEN
            IF OLD.readmitted_at IS NULL AND NEW.readmitted_at IS NOT NULL
                AND (to_jsonb(NEW) - '{readmitted_at,readmitted_by}'::text[])
                    = (to_jsonb(OLD) - '{readmitted_at,readmitted_by}'::text[]) THEN
                RETURN NEW;
            END IF;
        END IF;
        RAISE EXCEPTION 'a removal can only be ended once: % is refused', TG_OP
            USING ERRCODE = 'restrict_violation';
    END $$
    """,
    """
    CREATE TRIGGER forbid_removal_changes BEFORE UPDATE OR DELETE ON removals
        FOR EACH ROW EXECUTE FUNCTION forbid_removal_changes()
    """,
    """
    CREATE TRIGGER forbid_removal_truncate BEFORE TRUNCATE ON removals
        FOR EACH STATEMENT EXECUTE FUNCTION forbid_removal_changes()
    """,
    "ALTER TABLE removals ENABLE ALWAYS TRIGGER forbid_removal_changes",
    "ALTER TABLE removals ENABLE ALWAYS TRIGGER forbid_removal_truncate",
    # The state removed and the open removal change together. The state cannot change back after the session was ended
    # for the participant.
    """
    CREATE FUNCTION check_removal() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        open_id uuid := (
            SELECT removal_id FROM removals
            WHERE participant_id = NEW.participant_id AND readmitted_at IS NULL
        );
    BEGIN
        IF OLD.state = 'removed' AND (open_id IS NOT NULL OR NEW.ending_id IS NOT NULL) THEN
            RAISE EXCEPTION 'the participant has an open removal, or the session was ended for them'
                USING ERRCODE = 'restrict_violation';
        END IF;
        IF NEW.state = 'waiting' AND NEW.entered_time IS NOT NULL THEN
            RAISE EXCEPTION 'the participant was in the session before' USING ERRCODE = 'restrict_violation';
        END IF;
        IF NEW.removal_id IS DISTINCT FROM open_id THEN
            RAISE EXCEPTION 'the participant has another open removal' USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER check_removal BEFORE UPDATE OF state ON participants
        FOR EACH ROW WHEN (OLD.state <> NEW.state AND 'removed' IN (OLD.state, NEW.state))
        EXECUTE FUNCTION check_removal()
    """,
    # Copy the end to the participant, so that reading a session needs no further query.
    """
    CREATE FUNCTION copy_ending() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        UPDATE participants
            SET ending_id = NEW.ending_id, ended_at = NEW.ended_at, end_reason = NEW.end_reason
            WHERE participant_id = NEW.participant_id;
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER copy_ending AFTER INSERT ON endings
        FOR EACH ROW EXECUTE FUNCTION copy_ending()
    """,
    """
    CREATE OR REPLACE FUNCTION check_participant_update() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
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
    for statement in (*_TABLES, *_TRIGGERS):
        op.execute(statement)
    forbid_changes("endings")
