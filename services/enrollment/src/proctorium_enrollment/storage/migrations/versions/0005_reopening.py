"""Expand the schema: sessions can be reopened after their end."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"

_STATEMENTS = (
    "ALTER TABLE sessions ADD COLUMN end_position bigint NOT NULL DEFAULT 0",
    """
    CREATE OR REPLACE FUNCTION check_session_update() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.state <> OLD.state
            AND (OLD.state IN ('ended', 'cancelled') OR NEW.state = 'scheduled')
            AND NOT (
                OLD.state = 'ended' AND NEW.state = 'in_progress' AND NEW.end_position > OLD.end_position
            ) THEN
            RAISE EXCEPTION 'a session cannot change from % to %', OLD.state, NEW.state
                USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
