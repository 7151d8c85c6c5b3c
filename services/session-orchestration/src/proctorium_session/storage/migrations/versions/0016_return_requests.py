"""Expand the schema: create the table of return requests, and let a plan require approval after an outage."""

from __future__ import annotations

from alembic import op

revision = "0016"
down_revision = "0015"

_STATEMENTS = (
    """
    ALTER TABLE sessions
        ADD COLUMN return_requires_approval boolean NOT NULL DEFAULT false,
        ADD COLUMN return_approval_grace interval NOT NULL DEFAULT interval '30 seconds',
        ADD CONSTRAINT ck_sessions_return_approval_grace
            CHECK (return_approval_grace BETWEEN interval '0' AND interval '10 minutes')
    """,
    """
    ALTER TABLE participants
        ADD COLUMN return_request_id uuid,
        ADD COLUMN return_requested_at timestamptz,
        ADD COLUMN return_denial_reason text NOT NULL DEFAULT ''
    """,
    """
    CREATE TABLE return_requests (
        request_id uuid NOT NULL,
        session_id uuid NOT NULL,
        participant_id uuid NOT NULL,
        requested_at timestamptz NOT NULL,
        denial_reason text NOT NULL DEFAULT '',
        admitted_at timestamptz,
        decided_by uuid,
        acting_role text,
        CONSTRAINT pk_return_requests PRIMARY KEY (request_id),
        CONSTRAINT fk_return_requests_session_id_sessions
            FOREIGN KEY (session_id) REFERENCES sessions (session_id),
        CONSTRAINT fk_return_requests_participant_id_participants
            FOREIGN KEY (participant_id) REFERENCES participants (participant_id),
        CONSTRAINT ck_return_requests_denial_reason CHECK (length(denial_reason) <= 1000),
        CONSTRAINT ck_return_requests_admitted_at CHECK (admitted_at >= requested_at),
        CONSTRAINT ck_return_requests_decided CHECK (
            (decided_by IS NOT NULL) = (acting_role IS NOT NULL)
            AND (decided_by IS NOT NULL) = (admitted_at IS NOT NULL OR denial_reason <> '')),
        CONSTRAINT ck_return_requests_acting_role CHECK (acting_role IN ('proctor', 'administrator'))
    )
    """,
    "CREATE UNIQUE INDEX uq_return_requests_open ON return_requests (participant_id) WHERE admitted_at IS NULL",
    # Refuse a request of a participant who is not in the session, and every change except a denial and the admission.
    """
    CREATE FUNCTION check_return_request() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'INSERT' THEN
            IF NEW.decided_by IS NULL AND EXISTS (
                SELECT FROM participants p
                WHERE p.participant_id = NEW.participant_id AND p.session_id = NEW.session_id
                    AND p.state = 'in_session'
            ) THEN
                RETURN NEW;
            END IF;
            RAISE EXCEPTION 'only a participant in the session can request to return'
                USING ERRCODE = 'restrict_violation';
        END IF;
        IF TG_OP = 'UPDATE' THEN
            IF OLD.admitted_at IS NULL
                AND (NEW.denial_reason = OLD.denial_reason OR OLD.denial_reason = '')
                AND (to_jsonb(NEW) - '{denial_reason,admitted_at,decided_by,acting_role}'::text[])
                    = (to_jsonb(OLD) - '{denial_reason,admitted_at,decided_by,acting_role}'::text[]) THEN
                RETURN NEW;
            END IF;
        END IF;
        RAISE EXCEPTION 'a return request can only be decided: % is refused', TG_OP
            USING ERRCODE = 'restrict_violation';
    END $$
    """,
    """
    CREATE TRIGGER check_return_request BEFORE INSERT OR UPDATE OR DELETE ON return_requests
        FOR EACH ROW EXECUTE FUNCTION check_return_request()
    """,
    """
    CREATE TRIGGER check_return_request_truncate BEFORE TRUNCATE ON return_requests
        FOR EACH STATEMENT EXECUTE FUNCTION check_return_request()
    """,
    "ALTER TABLE return_requests ENABLE ALWAYS TRIGGER check_return_request",
    "ALTER TABLE return_requests ENABLE ALWAYS TRIGGER check_return_request_truncate",
    # Copy the open request to the participant, so that reading a participant needs no further query.
    """
    CREATE FUNCTION copy_return_request() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        is_open boolean := NEW.admitted_at IS NULL;
    BEGIN
        UPDATE participants SET return_request_id = CASE WHEN is_open THEN NEW.request_id END,
            return_requested_at = CASE WHEN is_open THEN NEW.requested_at END,
            return_denial_reason = CASE WHEN is_open THEN NEW.denial_reason ELSE '' END
            WHERE participant_id = NEW.participant_id;
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER copy_return_request AFTER INSERT OR UPDATE ON return_requests
        FOR EACH ROW EXECUTE FUNCTION copy_return_request()
    """,
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
