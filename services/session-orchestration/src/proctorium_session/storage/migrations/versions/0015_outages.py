"""Expand the schema: create the table of outages, store the disconnect policy, and see when replicas were away."""

from __future__ import annotations

from alembic import op

revision = "0015"
down_revision = "0014"

_TABLES = (
    """
    ALTER TABLE sessions
        ADD COLUMN returned_limit interval NOT NULL DEFAULT '0',
        ADD CONSTRAINT ck_sessions_returned_limit
            CHECK (returned_limit BETWEEN interval '0' AND interval '2 hours')
    """,
    """
    ALTER TABLE participants
        ADD COLUMN outage_id uuid,
        ADD COLUMN outage_started_at timestamptz,
        ADD COLUMN outage_ended_at timestamptz
    """,
    """
    ALTER TABLE participant_assessments
        ADD COLUMN returned_time interval NOT NULL DEFAULT '0',
        ADD CONSTRAINT ck_participant_assessments_returned_time CHECK (returned_time >= interval '0')
    """,
    "ALTER TABLE presence ADD COLUMN renewed_at timestamptz NOT NULL DEFAULT now()",
    """
    CREATE UNLOGGED TABLE presence_replicas (
        replica_id uuid NOT NULL,
        since timestamptz NOT NULL,
        seen_at timestamptz NOT NULL,
        CONSTRAINT pk_presence_replicas PRIMARY KEY (replica_id)
    )
    """,
    """
    CREATE TABLE outages (
        outage_id uuid NOT NULL,
        session_id uuid NOT NULL,
        participant_id uuid NOT NULL,
        started_at timestamptz NOT NULL,
        ended_at timestamptz,
        CONSTRAINT pk_outages PRIMARY KEY (outage_id),
        CONSTRAINT fk_outages_session_id_sessions FOREIGN KEY (session_id) REFERENCES sessions (session_id),
        CONSTRAINT fk_outages_participant_id_participants
            FOREIGN KEY (participant_id) REFERENCES participants (participant_id),
        CONSTRAINT ck_outages_ended_at CHECK (ended_at >= started_at)
    )
    """,
    "CREATE UNIQUE INDEX uq_outages_open ON outages (participant_id) WHERE ended_at IS NULL",
    "CREATE INDEX ix_outages_session_id ON outages (session_id)",
)

_TRIGGERS = (
    # Refuse an outage of a participant who is not in the session, and every change of an outage except its end.
    """
    CREATE FUNCTION check_outage() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'INSERT' THEN
            IF NEW.ended_at IS NULL AND EXISTS (
                SELECT FROM participants p
                WHERE p.participant_id = NEW.participant_id AND p.session_id = NEW.session_id
                    AND p.state = 'in_session' AND NOT p.connected
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
    """
    CREATE TRIGGER check_outage BEFORE INSERT OR UPDATE OR DELETE ON outages
        FOR EACH ROW EXECUTE FUNCTION check_outage()
    """,
    """
    CREATE TRIGGER check_outage_truncate BEFORE TRUNCATE ON outages
        FOR EACH STATEMENT EXECUTE FUNCTION check_outage()
    """,
    "ALTER TABLE outages ENABLE ALWAYS TRIGGER check_outage",
    "ALTER TABLE outages ENABLE ALWAYS TRIGGER check_outage_truncate",
    # Copy the newest outage to the participant, so that reading a participant needs no further query.
    """
    CREATE FUNCTION copy_outage() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        UPDATE participants SET outage_id = NEW.outage_id, outage_started_at = NEW.started_at,
            outage_ended_at = NEW.ended_at
            WHERE participant_id = NEW.participant_id;
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER copy_outage AFTER INSERT OR UPDATE ON outages
        FOR EACH ROW EXECUTE FUNCTION copy_outage()
    """,
)


def upgrade() -> None:
    for statement in (*_TABLES, *_TRIGGERS):
        op.execute(statement)
