"""Expand the schema: store the revision of the last authorisation or withdrawal, and allow withdrawals."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"

_STATEMENTS = (
    "ALTER TABLE attempts ADD COLUMN authorization_revision bigint NOT NULL DEFAULT 0",
    """
    CREATE OR REPLACE FUNCTION check_attempt_update() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF (NEW.attempt_id, NEW.assessment_id, NEW.person_id, NEW.session_id, NEW.participant_id)
            IS DISTINCT FROM
            (OLD.attempt_id, OLD.assessment_id, OLD.person_id, OLD.session_id, OLD.participant_id) THEN
            RAISE EXCEPTION 'an attempt cannot move to another learner, assessment or session' USING ERRCODE = 'restrict_violation';
        END IF;
        IF NEW.authorization_revision < OLD.authorization_revision THEN
            RAISE EXCEPTION 'the authorization revision of an attempt cannot decrease' USING ERRCODE = 'restrict_violation';
        END IF;
        IF NEW.state <> OLD.state AND (OLD.state, NEW.state) NOT IN (
            ('awaiting_authorization', 'authorized'),
            ('awaiting_authorization', 'voided'),
            ('authorized', 'awaiting_authorization'),
            ('authorized', 'in_progress'),
            ('authorized', 'voided'),
            ('in_progress', 'submitted'),
            ('submitted', 'scored'),
            ('scored', 'released'),
            -- A submission with its score and its release is one update.
            ('in_progress', 'scored'),
            ('in_progress', 'released'),
            ('submitted', 'released')
        ) THEN
            RAISE EXCEPTION 'an attempt cannot change from % to %', OLD.state, NEW.state
                USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
    "DROP TRIGGER check_attempt_update ON attempts",
    """
    CREATE TRIGGER check_attempt_update
        BEFORE UPDATE OF attempt_id, assessment_id, person_id, session_id, participant_id, state, authorization_revision
        ON attempts
        FOR EACH ROW EXECUTE FUNCTION check_attempt_update()
    """,
    "ALTER TABLE attempts ENABLE ALWAYS TRIGGER check_attempt_update",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
