"""Expand the schema: sessions can be reopened after their end, which restores their expired cases."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"

_STATEMENTS = (
    "ALTER TABLE sessions ADD COLUMN end_position bigint NOT NULL DEFAULT 0",
    """
    ALTER TABLE cases
        ADD COLUMN expired_from text,
        ADD CONSTRAINT ck_cases_expired_from CHECK (expired_from IS NULL OR state = 'expired')
    """,
    """
    CREATE OR REPLACE FUNCTION check_case_update() RETURNS trigger LANGUAGE plpgsql AS $$
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
            ('verified', 'resubmission_requested'),
            ('resubmission_requested', 'submitted'),
            ('resubmission_requested', 'rejected'),
            ('resubmission_requested', 'expired')
        ) AND NOT (OLD.state = 'expired' AND NEW.state = coalesce(OLD.expired_from, 'requested')) THEN
            RAISE EXCEPTION 'a case cannot change from % to %', OLD.state, NEW.state
                USING ERRCODE = 'restrict_violation';
        END IF;
        IF OLD.state IN ('verified', 'rejected', 'expired') AND NEW.state = OLD.state
            AND (NEW.submitted_at, NEW.decided_by, NEW.decided_as, NEW.decided_at, NEW.decision_reason)
            IS DISTINCT FROM (OLD.submitted_at, OLD.decided_by, OLD.decided_as, OLD.decided_at, OLD.decision_reason)
        THEN
            RAISE EXCEPTION 'a case that is % cannot change', OLD.state USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
