"""Expand the schema: store the revision of the last authorisation and the state of its withdrawal."""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"

_STATEMENTS = (
    """
    ALTER TABLE participant_assessments
        ADD COLUMN authorization_revision bigint NOT NULL DEFAULT 0,
        ADD COLUMN withdrawal text,
        ADD CONSTRAINT ck_participant_assessments_withdrawal CHECK (
            CASE withdrawal WHEN 'pending' THEN state = 2 WHEN 'already_started' THEN state BETWEEN 3 AND 5
            ELSE withdrawal IS NULL END)
    """,
    # Within one attempt, the progress only decreases from authorised to awaiting authorisation, by a withdrawal.
    """
    CREATE FUNCTION check_progress_update() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.authorization_revision < OLD.authorization_revision THEN
            RAISE EXCEPTION 'the authorization revision of a progress cannot decrease'
                USING ERRCODE = 'restrict_violation';
        END IF;
        IF NEW.state < OLD.state AND NOT (OLD.state = 2 AND NEW.state = 1) THEN
            RAISE EXCEPTION 'the progress cannot change from % to %', OLD.state, NEW.state
                USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER check_progress_update BEFORE UPDATE OF state, authorization_revision ON participant_assessments
        FOR EACH ROW WHEN (OLD.attempt_id IS NOT DISTINCT FROM NEW.attempt_id)
        EXECUTE FUNCTION check_progress_update()
    """,
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
