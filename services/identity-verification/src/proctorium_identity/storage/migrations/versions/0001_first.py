"""Create the tables of sessions, certifications, cases, evidence and the evidence access log."""

from __future__ import annotations

from alembic import op

from proctorium_access.certifications import create_certifications
from proctorium_common.storage.migrations import (
    create_common_tables,
    create_page_token_keys,
    forbid_changes,
)
from proctorium_common.storage.schema import create_revocations

revision = "0001"
down_revision = None

_STATEMENTS = (
    """
    CREATE TABLE sessions (
        session_id uuid NOT NULL,
        proctor_ids uuid[],
        ended_at timestamptz,
        CONSTRAINT pk_sessions PRIMARY KEY (session_id)
    )
    """,
    """
    CREATE TABLE removed_participants (
        participant_id uuid NOT NULL,
        CONSTRAINT pk_removed_participants PRIMARY KEY (participant_id)
    )
    """,
    """
    CREATE TABLE cases (
        case_id uuid NOT NULL,
        session_id uuid NOT NULL,
        participant_id uuid NOT NULL,
        person_id uuid NOT NULL,
        state text NOT NULL,
        encrypted_key bytea NOT NULL,
        opened_at timestamptz NOT NULL,
        submitted_at timestamptz,
        decided_by uuid,
        decided_as text,
        decided_at timestamptz,
        decision_reason text DEFAULT '' NOT NULL,
        CONSTRAINT pk_cases PRIMARY KEY (case_id),
        CONSTRAINT fk_cases_session_id_sessions FOREIGN KEY (session_id) REFERENCES sessions (session_id),
        CONSTRAINT uq_cases_session_id_person_id UNIQUE (session_id, person_id),
        CONSTRAINT ck_cases_state CHECK (
            state IN ('requested', 'submitted', 'verified', 'rejected', 'resubmission_requested', 'expired')),
        CONSTRAINT ck_cases_decided_by_person CHECK (
            state NOT IN ('verified', 'rejected')
            OR (decided_by IS NOT NULL AND decided_as IS NOT NULL AND decided_at IS NOT NULL)),
        CONSTRAINT ck_cases_decided_by_other_person CHECK (decided_by IS DISTINCT FROM person_id),
        CONSTRAINT ck_cases_decided_as CHECK (decided_as IN ('proctor', 'administrator')),
        CONSTRAINT ck_cases_rejection_reason CHECK (state <> 'rejected' OR decision_reason <> ''),
        CONSTRAINT ck_cases_submitted_at CHECK (
            state NOT IN ('submitted', 'verified') OR submitted_at IS NOT NULL)
    )
    """,
    "CREATE INDEX ix_cases_submitted ON cases (session_id, submitted_at) WHERE state = 'submitted'",
    """
    CREATE FUNCTION check_case_update() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF (NEW.case_id, NEW.session_id, NEW.participant_id, NEW.person_id)
            IS DISTINCT FROM (OLD.case_id, OLD.session_id, OLD.participant_id, OLD.person_id) THEN
            RAISE EXCEPTION 'a case cannot move to another session or learner' USING ERRCODE = 'restrict_violation';
        END IF;
        IF NEW.state <> OLD.state AND (OLD.state, NEW.state) NOT IN (
            ('requested', 'submitted'),
            ('requested', 'rejected'),
            ('requested', 'resubmission_requested'),
            ('requested', 'expired'),
            ('submitted', 'verified'),
            ('submitted', 'rejected'),
            ('submitted', 'resubmission_requested'),
            ('submitted', 'expired'),
            ('resubmission_requested', 'submitted'),
            ('resubmission_requested', 'rejected'),
            ('resubmission_requested', 'expired')
        ) THEN
            RAISE EXCEPTION 'a case cannot change from % to %', OLD.state, NEW.state
                USING ERRCODE = 'restrict_violation';
        END IF;
        IF OLD.state IN ('verified', 'rejected', 'expired')
            AND (NEW.submitted_at, NEW.decided_by, NEW.decided_as, NEW.decided_at, NEW.decision_reason)
            IS DISTINCT FROM (OLD.submitted_at, OLD.decided_by, OLD.decided_as, OLD.decided_at, OLD.decision_reason)
        THEN
            RAISE EXCEPTION 'a case that is % cannot change', OLD.state USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER check_case_update BEFORE UPDATE ON cases
        FOR EACH ROW EXECUTE FUNCTION check_case_update()
    """,
    """
    CREATE TABLE evidence (
        evidence_id uuid NOT NULL,
        case_id uuid NOT NULL,
        kind text NOT NULL,
        object_key text NOT NULL,
        media_type text NOT NULL,
        width integer NOT NULL,
        height integer NOT NULL,
        submitted_at timestamptz NOT NULL,
        superseded_at timestamptz,
        CONSTRAINT pk_evidence PRIMARY KEY (evidence_id),
        CONSTRAINT fk_evidence_case_id_cases FOREIGN KEY (case_id) REFERENCES cases (case_id),
        CONSTRAINT uq_evidence_object_key UNIQUE (object_key),
        CONSTRAINT ck_evidence_kind CHECK (kind IN ('document', 'selfie'))
    )
    """,
    "CREATE UNIQUE INDEX uq_evidence_current ON evidence (case_id, kind) WHERE superseded_at IS NULL",
    "CREATE INDEX ix_evidence_case_id ON evidence (case_id)",
    """
    CREATE TABLE evidence_access_log (
        access_id uuid NOT NULL,
        case_id uuid NOT NULL,
        accessed_by uuid NOT NULL,
        acting_role text NOT NULL,
        subject text NOT NULL,
        evidence_id uuid,
        accessed_at timestamptz NOT NULL,
        CONSTRAINT pk_evidence_access_log PRIMARY KEY (access_id),
        CONSTRAINT fk_evidence_access_log_case_id_cases FOREIGN KEY (case_id) REFERENCES cases (case_id),
        CONSTRAINT fk_evidence_access_log_evidence_id_evidence
            FOREIGN KEY (evidence_id) REFERENCES evidence (evidence_id),
        CONSTRAINT ck_evidence_access_log_acting_role CHECK (acting_role IN ('proctor', 'administrator')),
        CONSTRAINT ck_evidence_access_log_subject CHECK (subject IN ('document', 'selfie', 'registration')),
        CONSTRAINT ck_evidence_access_log_evidence_of_subject CHECK (
            (subject = 'registration') = (evidence_id IS NULL))
    )
    """,
    "CREATE INDEX ix_evidence_access_log_case_id ON evidence_access_log (case_id, accessed_by)",
)


def upgrade() -> None:
    create_common_tables()
    create_page_token_keys()
    create_revocations()
    create_certifications()
    for statement in _STATEMENTS:
        op.execute(statement)
    forbid_changes("evidence_access_log")
