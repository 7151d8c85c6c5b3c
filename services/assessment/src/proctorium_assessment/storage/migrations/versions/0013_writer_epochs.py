"""Expand the schema: store the writer epochs of attempts and of revisions of answers."""

from __future__ import annotations

from alembic import op

revision = "0013"
down_revision = "0012"

_STATEMENTS = (
    """
    ALTER TABLE attempts
        ADD COLUMN writer_epoch bigint NOT NULL DEFAULT 0,
        ADD COLUMN writer_device uuid,
        ADD COLUMN entered_at timestamptz,
        ADD CONSTRAINT ck_attempts_writer_epoch
            CHECK (writer_epoch >= 0 AND (writer_epoch > 0) = (writer_device IS NOT NULL AND entered_at IS NOT NULL))
    """,
    """
    ALTER TABLE answer_revisions
        ADD COLUMN writer_epoch bigint NOT NULL DEFAULT 0,
        ADD CONSTRAINT ck_answer_revisions_writer_epoch CHECK (writer_epoch >= 0)
    """,
    """
    CREATE FUNCTION check_writer_epoch() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_TABLE_NAME = 'attempts' THEN
            IF NEW.writer_epoch >= OLD.writer_epoch THEN
                RETURN NEW;
            END IF;
        ELSIF NEW.writer_epoch <= (SELECT a.writer_epoch FROM attempts a WHERE a.attempt_id = NEW.attempt_id) THEN
            RETURN NEW;
        END IF;
        RAISE EXCEPTION 'the writer epoch % is impossible', NEW.writer_epoch USING ERRCODE = 'restrict_violation';
    END $$
    """,
    """
    CREATE TRIGGER check_writer_epoch BEFORE UPDATE OF writer_epoch ON attempts
        FOR EACH ROW EXECUTE FUNCTION check_writer_epoch()
    """,
    """
    CREATE TRIGGER check_writer_epoch BEFORE INSERT ON answer_revisions
        FOR EACH ROW WHEN (NEW.writer_epoch > 0) EXECUTE FUNCTION check_writer_epoch()
    """,
    "ALTER TABLE attempts ENABLE ALWAYS TRIGGER check_writer_epoch",
    "ALTER TABLE answer_revisions ENABLE ALWAYS TRIGGER check_writer_epoch",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
