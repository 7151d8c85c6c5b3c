"""Expand the schema: create the tables of pauses and extra time, and the columns for open pauses and extra time."""

from __future__ import annotations

from alembic import op

from proctorium_common.storage.migrations import forbid_changes

revision = "0004"
down_revision = "0003"

_TABLES = (
    """
    ALTER TABLE sessions
        ADD COLUMN pause_id uuid,
        ADD COLUMN paused_at timestamptz,
        ADD COLUMN pause_reason text NOT NULL DEFAULT ''
    """,
    """
    ALTER TABLE participants
        ADD COLUMN pause_id uuid,
        ADD COLUMN paused_at timestamptz,
        ADD COLUMN pause_reason text NOT NULL DEFAULT '',
        ADD COLUMN extra_time interval NOT NULL DEFAULT '0',
        ADD COLUMN extra_time_reason text NOT NULL DEFAULT '',
        ADD CONSTRAINT ck_participants_extra_time CHECK (extra_time BETWEEN interval '0' AND interval '24 hours')
    """,
    """
    CREATE TABLE pauses (
        pause_id uuid NOT NULL,
        session_id uuid NOT NULL,
        participant_id uuid,
        pause_reason text NOT NULL,
        paused_at timestamptz NOT NULL,
        paused_by uuid NOT NULL,
        acting_role text NOT NULL,
        resumed_at timestamptz,
        resumed_by uuid,
        CONSTRAINT pk_pauses PRIMARY KEY (pause_id),
        CONSTRAINT fk_pauses_session_id_sessions FOREIGN KEY (session_id) REFERENCES sessions (session_id),
        CONSTRAINT fk_pauses_participant_id_participants
            FOREIGN KEY (participant_id) REFERENCES participants (participant_id),
        CONSTRAINT ck_pauses_pause_reason CHECK (pause_reason <> '' AND length(pause_reason) <= 1000),
        CONSTRAINT ck_pauses_acting_role CHECK (acting_role IN ('proctor', 'administrator')),
        CONSTRAINT ck_pauses_resumed CHECK ((resumed_at IS NULL) = (resumed_by IS NULL)),
        CONSTRAINT ck_pauses_resumed_at CHECK (resumed_at >= paused_at)
    )
    """,
    """
    CREATE UNIQUE INDEX uq_pauses_open_session ON pauses (session_id)
        WHERE resumed_at IS NULL AND participant_id IS NULL
    """,
    """
    CREATE UNIQUE INDEX uq_pauses_open_participant ON pauses (participant_id)
        WHERE resumed_at IS NULL AND participant_id IS NOT NULL
    """,
    """
    CREATE TABLE extra_time_grants (
        grant_id uuid NOT NULL,
        session_id uuid NOT NULL,
        participant_id uuid NOT NULL,
        amount interval NOT NULL,
        extra_time_reason text NOT NULL,
        granted_at timestamptz NOT NULL,
        granted_by uuid NOT NULL,
        acting_role text NOT NULL,
        CONSTRAINT pk_extra_time_grants PRIMARY KEY (grant_id),
        CONSTRAINT fk_extra_time_grants_session_id_sessions FOREIGN KEY (session_id) REFERENCES sessions (session_id),
        CONSTRAINT fk_extra_time_grants_participant_id_participants
            FOREIGN KEY (participant_id) REFERENCES participants (participant_id),
        CONSTRAINT ck_extra_time_grants_amount CHECK (amount <> interval '0'),
        CONSTRAINT ck_extra_time_grants_extra_time_reason
            CHECK (extra_time_reason <> '' AND length(extra_time_reason) <= 1000),
        CONSTRAINT ck_extra_time_grants_acting_role CHECK (acting_role IN ('proctor', 'administrator'))
    )
    """,
)

_TRIGGERS = (
    # Refuse a participant of another session.
    """
    CREATE FUNCTION check_participant_of_session() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.participant_id IS NOT NULL AND NOT EXISTS (
            SELECT FROM participants p
            WHERE p.participant_id = NEW.participant_id AND p.session_id = NEW.session_id
        ) THEN
            RAISE EXCEPTION 'the participant is in another session' USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER check_participant_of_session BEFORE INSERT ON pauses
        FOR EACH ROW EXECUTE FUNCTION check_participant_of_session()
    """,
    """
    CREATE TRIGGER check_participant_of_session BEFORE INSERT ON extra_time_grants
        FOR EACH ROW EXECUTE FUNCTION check_participant_of_session()
    """,
    # Refuse every change of a pause except its end.
    """
    CREATE FUNCTION forbid_pause_changes() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'UPDATE' THEN
            IF OLD.resumed_at IS NULL AND NEW.resumed_at IS NOT NULL
                AND (to_jsonb(NEW) - '{resumed_at,resumed_by}'::text[])
                    = (to_jsonb(OLD) - '{resumed_at,resumed_by}'::text[]) THEN
                RETURN NEW;
            END IF;
        END IF;
        RAISE EXCEPTION 'a pause can only be resumed once: % is refused', TG_OP
            USING ERRCODE = 'restrict_violation';
    END $$
    """,
    """
    CREATE TRIGGER forbid_pause_changes BEFORE UPDATE OR DELETE ON pauses
        FOR EACH ROW EXECUTE FUNCTION forbid_pause_changes()
    """,
    """
    CREATE TRIGGER forbid_pause_truncate BEFORE TRUNCATE ON pauses
        FOR EACH STATEMENT EXECUTE FUNCTION forbid_pause_changes()
    """,
    "ALTER TABLE pauses ENABLE ALWAYS TRIGGER forbid_pause_changes",
    "ALTER TABLE pauses ENABLE ALWAYS TRIGGER forbid_pause_truncate",
    # Copy the open pause to the session or the participant, so that reading a session needs no further query.
    """
    CREATE FUNCTION copy_pause() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        is_open boolean := NEW.resumed_at IS NULL;
    BEGIN
        IF NEW.participant_id IS NULL THEN
            UPDATE sessions SET pause_id = CASE WHEN is_open THEN NEW.pause_id END,
                paused_at = CASE WHEN is_open THEN NEW.paused_at END,
                pause_reason = CASE WHEN is_open THEN NEW.pause_reason ELSE '' END
                WHERE session_id = NEW.session_id;
        ELSE
            UPDATE participants SET pause_id = CASE WHEN is_open THEN NEW.pause_id END,
                paused_at = CASE WHEN is_open THEN NEW.paused_at END,
                pause_reason = CASE WHEN is_open THEN NEW.pause_reason ELSE '' END
                WHERE participant_id = NEW.participant_id;
        END IF;
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER copy_pause AFTER INSERT OR UPDATE ON pauses
        FOR EACH ROW EXECUTE FUNCTION copy_pause()
    """,
    # A trigger updates the sum, so that no grant can violate ck_participants_extra_time.
    """
    CREATE FUNCTION sum_extra_time() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        UPDATE participants
            SET extra_time = extra_time + NEW.amount, extra_time_reason = NEW.extra_time_reason
            WHERE participant_id = NEW.participant_id;
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER sum_extra_time AFTER INSERT ON extra_time_grants
        FOR EACH ROW EXECUTE FUNCTION sum_extra_time()
    """,
)


def upgrade() -> None:
    for statement in (*_TABLES, *_TRIGGERS):
        op.execute(statement)
    forbid_changes("extra_time_grants")
