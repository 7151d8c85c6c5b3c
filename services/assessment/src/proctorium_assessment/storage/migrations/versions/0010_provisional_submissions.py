"""Make submissions provisional until the session has ended and its time events were applied.

The trigger on `answer_revisions` now allows one change of a row: a late revision counts after the deadline has moved.
The trigger on `attempts` now allows a submitted attempt to be in progress again, and refuses to score an attempt of a
session before the session is settled. The previous version of the service scores each attempt when it is submitted, so
it must not run while this migration is applied.
"""

from __future__ import annotations

from alembic import op

from proctorium_common.storage.migrations import forbid_changes

revision = "0010"
down_revision = "0009"

_TIME_EVENTS = (
    "ALTER TABLE sessions ADD COLUMN time_event_count integer NOT NULL DEFAULT 0",
    """
    CREATE TABLE time_event_counts (
        participant_id uuid NOT NULL,
        event_count integer NOT NULL,
        CONSTRAINT pk_time_event_counts PRIMARY KEY (participant_id),
        CONSTRAINT ck_time_event_counts_event_count CHECK (event_count > 0)
    )
    """,
    """
    CREATE TABLE applied_time_events (
        event_id uuid NOT NULL,
        session_id uuid NOT NULL,
        participant_id uuid,
        CONSTRAINT pk_applied_time_events PRIMARY KEY (event_id)
    )
    """,
    "CREATE INDEX ix_applied_time_events_session_id_participant_id ON applied_time_events (session_id, participant_id)",
    # Each time event that was applied before this migration has one row in `time_events`.
    """
    INSERT INTO applied_time_events (event_id, session_id, participant_id)
    SELECT gen_random_uuid(), session_id, participant_id FROM time_events
    """,
    # A session is settled for a participant if it has ended, and all time events counted in `session.ended` were
    # applied.
    """
    CREATE FUNCTION is_settled(of_session uuid, of_participant uuid) RETURNS boolean LANGUAGE sql STABLE AS $$
        SELECT EXISTS (
            SELECT FROM sessions WHERE session_id = of_session AND ended_at IS NOT NULL AND time_event_count <= (
                SELECT count(*) FROM applied_time_events WHERE session_id = of_session AND participant_id IS NULL)
        ) AND (
            SELECT count(*) FROM applied_time_events
            WHERE session_id = of_session AND participant_id = of_participant
        ) >= coalesce((SELECT event_count FROM time_event_counts WHERE participant_id = of_participant), 0)
    $$
    """,
)

_ATTEMPTS = (
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
            ('submitted', 'in_progress'),
            ('submitted', 'scored'),
            ('scored', 'released'),
            -- The score and the release of a result are one update. The submission of a self-paced attempt is part of it.
            ('in_progress', 'scored'),
            ('in_progress', 'released'),
            ('submitted', 'released')
        ) THEN
            RAISE EXCEPTION 'an attempt cannot change from % to %', OLD.state, NEW.state
                USING ERRCODE = 'restrict_violation';
        END IF;
        IF OLD.state = 'submitted' AND NEW.state = 'in_progress' AND OLD.submit_cause = 'learner' THEN
            RAISE EXCEPTION 'an attempt that its learner submitted cannot be reopened' USING ERRCODE = 'restrict_violation';
        END IF;
        IF OLD.state = 'submitted' AND NEW.state = 'in_progress'
            AND EXISTS (SELECT FROM ended_participants WHERE participant_id = NEW.participant_id) THEN
            RAISE EXCEPTION 'an attempt of a participant for whom the session was ended cannot be reopened'
                USING ERRCODE = 'restrict_violation';
        END IF;
        -- After the end of the session, an administrator may release a result although an event is missing.
        IF OLD.state IN ('in_progress', 'submitted') AND NEW.state IN ('scored', 'released')
            AND NEW.session_id IS NOT NULL AND NOT is_settled(NEW.session_id, NEW.participant_id) AND NOT (
                EXISTS (SELECT FROM releases WHERE attempt_id = NEW.attempt_id)
                AND EXISTS (SELECT FROM sessions WHERE session_id = NEW.session_id AND ended_at IS NOT NULL)
            ) THEN
            RAISE EXCEPTION 'an attempt cannot be scored before its session is settled' USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
)

_REVISIONS = (
    "ALTER TABLE answer_revisions ADD COLUMN counted_at timestamptz",
    "ALTER TABLE answer_revisions ADD CONSTRAINT ck_answer_revisions_counted CHECK (counted_at IS NULL OR NOT late)",
    "DROP TRIGGER forbid_changes ON answer_revisions",
    """
    CREATE FUNCTION check_revision_update() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NOT OLD.late OR NEW.late OR NEW.counted_at IS NULL
            OR (NEW.attempt_id, NEW.sequence, NEW.item_id, NEW.answer, NEW.client_time, NEW.received_at, NEW.saved_at)
            IS DISTINCT FROM
            (OLD.attempt_id, OLD.sequence, OLD.item_id, OLD.answer, OLD.client_time, OLD.received_at, OLD.saved_at) THEN
            RAISE EXCEPTION 'rows of answer_revisions are permanent: only a late revision can change, and only to count'
                USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER check_revision_update BEFORE UPDATE ON answer_revisions
        FOR EACH ROW EXECUTE FUNCTION check_revision_update()
    """,
    "ALTER TABLE answer_revisions ENABLE ALWAYS TRIGGER check_revision_update",
    """
    CREATE TRIGGER forbid_changes BEFORE DELETE OR TRUNCATE ON answer_revisions
        FOR EACH STATEMENT EXECUTE FUNCTION forbid_changes()
    """,
    "ALTER TABLE answer_revisions ENABLE ALWAYS TRIGGER forbid_changes",
)


def upgrade() -> None:
    for statement in (*_TIME_EVENTS, *_ATTEMPTS, *_REVISIONS):
        op.execute(statement)
    forbid_changes("applied_time_events")
