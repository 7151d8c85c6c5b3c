"""Replace the table `time_ledger`, whose only rows repeat `attempts.started_at`, with the table `time_events`.

The rows of `time_events` come from events of session orchestration. A row belongs to all attempts of a session or of a
participant, including attempts that are created later.
"""

from __future__ import annotations

from alembic import op

from proctorium_common.storage.migrations import forbid_changes

revision = "0002"
down_revision = "0001"

_STATEMENTS = (
    "DROP TABLE time_ledger",
    """
    CREATE TABLE time_events (
        entry_id uuid NOT NULL,
        kind text NOT NULL,
        session_id uuid NOT NULL,
        participant_id uuid,
        at timestamptz NOT NULL,
        amount interval,
        CONSTRAINT pk_time_events PRIMARY KEY (entry_id, kind),
        CONSTRAINT ck_time_events_kind CHECK (kind IN ('paused', 'resumed', 'extra_time')),
        CONSTRAINT ck_time_events_amount CHECK ((kind = 'extra_time') = (amount IS NOT NULL)),
        CONSTRAINT ck_time_events_extra_time_of_participant CHECK (kind <> 'extra_time' OR participant_id IS NOT NULL)
    )
    """,
    "CREATE INDEX ix_time_events_session_id_participant_id ON time_events (session_id, participant_id)",
    # While an attempt is paused, it has no deadline. `stopped_remaining` is the remaining time during the pause.
    """
    ALTER TABLE attempts
        ADD COLUMN paused boolean NOT NULL DEFAULT false,
        ADD COLUMN stopped_remaining interval,
        ADD COLUMN extra_time interval NOT NULL DEFAULT '0',
        ADD CONSTRAINT ck_attempts_paused CHECK (NOT paused OR deadline_at IS NULL),
        ADD CONSTRAINT ck_attempts_stopped_remaining CHECK (paused OR stopped_remaining IS NULL),
        ADD CONSTRAINT ck_attempts_extra_time CHECK (extra_time >= interval '0')
    """,
    # `started_at` is the first entry of the attempt's time ledger, so it never changes after the start.
    """
    CREATE FUNCTION forbid_start_changes() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.started_at IS DISTINCT FROM OLD.started_at AND OLD.started_at IS NOT NULL THEN
            RAISE EXCEPTION 'the start of an attempt cannot change' USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER forbid_start_changes BEFORE UPDATE OF started_at ON attempts
        FOR EACH ROW EXECUTE FUNCTION forbid_start_changes()
    """,
    "ALTER TABLE attempts ENABLE ALWAYS TRIGGER forbid_start_changes",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
    forbid_changes("time_events")
