"""Expand: participants who left without starting an assessment, and attempts that were closed before they were started."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.execute(
        """
        ALTER TABLE participants
            DROP CONSTRAINT ck_participants_state,
            ADD CONSTRAINT ck_participants_state CHECK (
                state IN ('waiting', 'in_session', 'completed', 'removed', 'no_show', 'left')
            )
        """
    )
    op.execute(
        """
        ALTER TABLE participant_assessments
            DROP CONSTRAINT ck_participant_assessments_state,
            ADD CONSTRAINT ck_participant_assessments_state CHECK (state BETWEEN 1 AND 6)
        """
    )
    op.execute(
        """
        CREATE OR REPLACE FUNCTION check_participant_move() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF (OLD.state, NEW.state) NOT IN (
                ('waiting', 'in_session'), ('waiting', 'no_show'), ('waiting', 'removed'),
                ('in_session', 'completed'), ('in_session', 'left'), ('in_session', 'removed'),
                ('left', 'completed')
            ) THEN
                RAISE EXCEPTION 'a participant does not move from % to %', OLD.state, NEW.state
                    USING ERRCODE = 'restrict_violation';
            END IF;
            RETURN NEW;
        END $$
        """
    )
