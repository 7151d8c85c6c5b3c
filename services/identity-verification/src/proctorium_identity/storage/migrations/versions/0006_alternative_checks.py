"""Expand the schema: the identity of a learner can be checked without images."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"

_STATEMENTS = (
    """
    CREATE TABLE accommodations (
        person_id uuid NOT NULL,
        revision integer NOT NULL DEFAULT 0,
        alternative_identity_check boolean NOT NULL DEFAULT false,
        CONSTRAINT pk_accommodations PRIMARY KEY (person_id)
    )
    """,
    """
    ALTER TABLE cases
        ADD COLUMN kind text NOT NULL DEFAULT 'images',
        ADD CONSTRAINT ck_cases_kind CHECK (kind IN ('images', 'alternative')),
        ADD CONSTRAINT ck_cases_alternative_state CHECK (
            kind = 'images' OR state NOT IN ('requested', 'resubmission_requested')),
        ADD CONSTRAINT ck_cases_alternative_reason CHECK (
            kind = 'images' OR state <> 'verified' OR decision_reason <> '')
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
        ) AND NOT (OLD.state = 'expired' AND NEW.state = coalesce(OLD.expired_from, 'requested'))
        AND NOT (OLD.state = 'verified' AND NEW.state = 'submitted' AND NEW.kind = 'alternative') THEN
            RAISE EXCEPTION 'a case cannot change from % to %', OLD.state, NEW.state
                USING ERRCODE = 'restrict_violation';
        END IF;
        IF OLD.state IN ('verified', 'rejected', 'expired') AND NEW.state = OLD.state
            AND (NEW.submitted_at, NEW.decided_by, NEW.decided_as, NEW.decided_at, NEW.decision_reason)
            IS DISTINCT FROM (OLD.submitted_at, OLD.decided_by, OLD.decided_as, OLD.decided_at, OLD.decision_reason)
        THEN
            RAISE EXCEPTION 'a case that is % cannot change', OLD.state USING ERRCODE = 'restrict_violation';
        END IF;
        IF NEW.kind <> OLD.kind THEN
            IF NEW.kind = 'images' OR NEW.state <> 'submitted' THEN
                RAISE EXCEPTION 'a case that is % cannot change its kind', OLD.state USING ERRCODE = 'restrict_violation';
            END IF;
            IF EXISTS (SELECT FROM evidence e WHERE e.case_id = NEW.case_id AND e.superseded_at IS NULL) THEN
                RAISE EXCEPTION 'a case with current images cannot become a case without images'
                    USING ERRCODE = 'restrict_violation';
            END IF;
        END IF;
        RETURN NEW;
    END $$
    """,
    """
    CREATE FUNCTION check_evidence_insert() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF EXISTS (SELECT FROM cases c WHERE c.case_id = NEW.case_id AND c.kind = 'alternative') THEN
            RAISE EXCEPTION 'a case without images accepts no image' USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER check_evidence_insert BEFORE INSERT ON evidence
        FOR EACH ROW EXECUTE FUNCTION check_evidence_insert()
    """,
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
