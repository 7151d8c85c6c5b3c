"""Expand the schema: sessions can be reopened after their end, and results are held as long as this is possible."""

from __future__ import annotations

from alembic import op

from proctorium_common.storage.migrations import forbid_changes

revision = "0012"
down_revision = "0011"

_STATEMENTS = (
    """
    ALTER TABLE sessions
        ADD COLUMN end_position bigint NOT NULL DEFAULT 0,
        ADD COLUMN held_until timestamptz,
        ADD COLUMN final_position bigint NOT NULL DEFAULT 0,
        ADD CONSTRAINT ck_sessions_held_until CHECK (held_until IS NULL OR ended_at IS NOT NULL)
    """,
    """
    CREATE TABLE reopenings (
        reopening_id uuid NOT NULL,
        session_id uuid NOT NULL,
        participant_id uuid,
        ended_at timestamptz NOT NULL,
        reopened_at timestamptz NOT NULL,
        CONSTRAINT pk_reopenings PRIMARY KEY (reopening_id),
        CONSTRAINT ck_reopenings_reopened_at CHECK (reopened_at >= ended_at)
    )
    """,
    "CREATE INDEX ix_reopenings_session_id ON reopenings (session_id)",
    """
    ALTER TABLE attempts
        ADD COLUMN voided_from text,
        ADD CONSTRAINT ck_attempts_voided_from CHECK (voided_from IS NULL OR state = 'voided')
    """,
    # A session is settled for a participant if it has ended, its proctors can no longer reopen it, and all time events
    # counted in `session.ended` were applied.
    """
    CREATE OR REPLACE FUNCTION is_settled(of_session uuid, of_participant uuid) RETURNS boolean LANGUAGE sql STABLE AS $$
        SELECT EXISTS (
            SELECT FROM sessions WHERE session_id = of_session AND ended_at IS NOT NULL AND held_until IS NULL
                AND time_event_count <= (
                SELECT count(*) FROM applied_time_events WHERE session_id = of_session AND participant_id IS NULL)
        ) AND (
            SELECT count(*) FROM applied_time_events
            WHERE session_id = of_session AND participant_id = of_participant
        ) >= coalesce((SELECT event_count FROM time_event_counts WHERE participant_id = of_participant), 0)
    $$
    """,
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
            ('submitted', 'released'),
            ('voided', 'awaiting_authorization'),
            ('voided', 'authorized')
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
        IF OLD.state = 'voided' AND NEW.state <> 'voided' AND (
            NEW.session_id IS NULL
            OR NEW.state <> coalesce(OLD.voided_from, 'awaiting_authorization')
            OR EXISTS (SELECT FROM sessions WHERE session_id = NEW.session_id AND ended_at IS NOT NULL)
            OR EXISTS (SELECT FROM ended_participants WHERE participant_id = NEW.participant_id)
        ) THEN
            RAISE EXCEPTION 'a voided attempt can only be restored as it was, while its session is not over for the participant'
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


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
    forbid_changes("reopenings")
