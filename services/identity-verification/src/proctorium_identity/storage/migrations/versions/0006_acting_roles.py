"""Expand: the role in which a person decided a case or looked at evidence."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.execute(
        """
        ALTER TABLE cases
            ADD COLUMN decided_as text,
            ADD CONSTRAINT ck_cases_decided_as CHECK (decided_as IN ('proctor', 'administrator'))
        """
    )
    op.execute(
        """
        ALTER TABLE evidence_access_log
            ADD COLUMN looked_as text,
            ADD CONSTRAINT ck_evidence_access_log_acting_role CHECK (looked_as IN ('proctor', 'administrator'))
        """
    )
    op.execute(
        """
        CREATE OR REPLACE FUNCTION keep_final_cases() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF (NEW.case_id, NEW.session_id, NEW.participant_id, NEW.person_id)
                IS DISTINCT FROM (OLD.case_id, OLD.session_id, OLD.participant_id, OLD.person_id) THEN
                RAISE EXCEPTION 'a case stays with its session and learner' USING ERRCODE = 'restrict_violation';
            END IF;
            IF OLD.state IN ('verified', 'rejected', 'expired')
                AND (NEW.state, NEW.submitted_at, NEW.decided_by, NEW.decided_as, NEW.decided_at, NEW.decision_reason)
                IS DISTINCT FROM (OLD.state, OLD.submitted_at, OLD.decided_by, OLD.decided_as, OLD.decided_at, OLD.decision_reason)
            THEN
                RAISE EXCEPTION 'a case that is % stays so', OLD.state USING ERRCODE = 'restrict_violation';
            END IF;
            RETURN NEW;
        END $$
        """
    )
