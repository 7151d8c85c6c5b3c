"""Expand the schema: add the position of the event from which the state of a progress was stored.

A newer event may change the progress from submitted to in progress, because a submitted attempt can be reopened.
"""

from __future__ import annotations

from alembic import op

revision = "0014"
down_revision = "0013"

_STATEMENTS = (
    "ALTER TABLE participant_assessments ADD COLUMN state_position bigint NOT NULL DEFAULT 0",
    "UPDATE participant_assessments SET state_position = position",
    """
    CREATE OR REPLACE FUNCTION check_progress_update() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.authorization_revision < OLD.authorization_revision THEN
            RAISE EXCEPTION 'the authorization revision of a progress cannot decrease'
                USING ERRCODE = 'restrict_violation';
        END IF;
        IF NEW.state < OLD.state AND NOT (OLD.state = 2 AND NEW.state = 1)
            AND NOT (OLD.state = 4 AND NEW.state = 3 AND NEW.state_position > OLD.state_position) THEN
            RAISE EXCEPTION 'the progress cannot change from % to %', OLD.state, NEW.state
                USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
