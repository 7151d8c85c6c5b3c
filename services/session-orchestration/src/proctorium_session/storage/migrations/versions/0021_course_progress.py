"""Expand the schema: store the progress of learners through the courses of their sessions."""

from __future__ import annotations

from alembic import op

revision = "0021"
down_revision = "0020"

_STATEMENTS = (
    """
    ALTER TABLE sessions
        ADD COLUMN course_unit_count integer NOT NULL DEFAULT 0,
        ADD CONSTRAINT ck_sessions_course_unit_count CHECK (course_unit_count >= 0)
    """,
    """
    CREATE TABLE course_progress (
        course_id uuid NOT NULL,
        person_id uuid NOT NULL,
        finished_unit_count integer NOT NULL,
        pending boolean NOT NULL,
        CONSTRAINT pk_course_progress PRIMARY KEY (course_id, person_id),
        CONSTRAINT ck_course_progress_finished_unit_count CHECK (finished_unit_count >= 0)
    )
    """,
    "CREATE INDEX ix_course_progress_pending ON course_progress (course_id, person_id) WHERE pending",
    # A finished unit stays finished, so that the greatest number is the newest.
    """
    CREATE FUNCTION check_course_progress_update() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'the number of finished units cannot decrease from % to %',
            OLD.finished_unit_count, NEW.finished_unit_count USING ERRCODE = 'restrict_violation';
    END $$
    """,
    """
    CREATE TRIGGER check_course_progress_update BEFORE UPDATE OF finished_unit_count ON course_progress
        FOR EACH ROW WHEN (NEW.finished_unit_count < OLD.finished_unit_count)
        EXECUTE FUNCTION check_course_progress_update()
    """,
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
