"""Expand the schema: create the tables of breaks and of break allowances, and add the break policy to sessions."""

from __future__ import annotations

from alembic import op

revision = "0011"
down_revision = "0010"

_TABLES = (
    """
    ALTER TABLE sessions
        ADD COLUMN break_count smallint NOT NULL DEFAULT 0,
        ADD COLUMN break_length interval NOT NULL DEFAULT '0',
        ADD COLUMN break_total interval NOT NULL DEFAULT '0',
        ADD COLUMN break_stops_clock boolean NOT NULL DEFAULT false,
        ADD CONSTRAINT ck_sessions_break_policy CHECK (
            break_count = 0 AND break_length = interval '0' AND break_total = interval '0'
            OR break_count BETWEEN 1 AND 20 AND break_length > interval '0'
                AND break_total BETWEEN break_length AND break_count * break_length)
    """,
    """
    ALTER TABLE participants
        ADD COLUMN latest_break_id uuid,
        ADD COLUMN used_break_count integer NOT NULL DEFAULT 0,
        ADD COLUMN used_break_time interval NOT NULL DEFAULT '0'
    """,
    """
    CREATE TABLE breaks (
        break_id uuid NOT NULL,
        session_id uuid NOT NULL,
        participant_id uuid NOT NULL,
        state text NOT NULL,
        requested_at timestamptz NOT NULL,
        length interval,
        refusal_reason text NOT NULL DEFAULT '',
        started_at timestamptz,
        closed_at timestamptz,
        overrun_at timestamptz,
        CONSTRAINT pk_breaks PRIMARY KEY (break_id),
        CONSTRAINT fk_breaks_session_id_sessions FOREIGN KEY (session_id) REFERENCES sessions (session_id),
        CONSTRAINT fk_breaks_participant_id_participants
            FOREIGN KEY (participant_id) REFERENCES participants (participant_id),
        CONSTRAINT ck_breaks_state
            CHECK (state IN ('requested', 'granted', 'refused', 'started', 'returned', 'cancelled')),
        CONSTRAINT ck_breaks_length CHECK (length BETWEEN interval '1 second' AND interval '12 hours'),
        CONSTRAINT ck_breaks_granted CHECK (state NOT IN ('granted', 'started', 'returned') OR length IS NOT NULL),
        CONSTRAINT ck_breaks_not_granted CHECK (state NOT IN ('requested', 'refused') OR length IS NULL),
        CONSTRAINT ck_breaks_refused CHECK ((state = 'refused') = (refusal_reason <> '')),
        CONSTRAINT ck_breaks_refusal_reason CHECK (length(refusal_reason) <= 1000),
        CONSTRAINT ck_breaks_started CHECK ((state IN ('started', 'returned')) = (started_at IS NOT NULL)),
        CONSTRAINT ck_breaks_closed
            CHECK ((state IN ('refused', 'returned', 'cancelled')) = (closed_at IS NOT NULL)),
        CONSTRAINT ck_breaks_closed_at CHECK (closed_at >= started_at),
        CONSTRAINT ck_breaks_overrun_at CHECK (overrun_at >= started_at + length),
        CONSTRAINT ck_breaks_overrun CHECK (overrun_at IS NULL OR started_at IS NOT NULL)
    )
    """,
    """
    CREATE UNIQUE INDEX uq_breaks_open ON breaks (participant_id)
        WHERE state IN ('requested', 'granted', 'started')
    """,
    "CREATE INDEX ix_breaks_session_id_requested_at ON breaks (session_id, requested_at, break_id)",
    "CREATE INDEX ix_breaks_participant_id_requested_at ON breaks (participant_id, requested_at)",
    "CREATE INDEX ix_breaks_started ON breaks (started_at) WHERE state = 'started' AND overrun_at IS NULL",
    """
    CREATE TABLE break_allowances (
        person_id uuid NOT NULL,
        revision integer NOT NULL,
        extra interval NOT NULL,
        CONSTRAINT pk_break_allowances PRIMARY KEY (person_id),
        CONSTRAINT ck_break_allowances_extra CHECK (extra BETWEEN interval '0' AND interval '120 minutes')
    )
    """,
)

_TRIGGERS = (
    # Refuse a new break that is not requested or whose participant is not in the session, and every transition that the
    # state machine in domain/breaks.py does not allow. The only change without a transition is the overrun.
    """
    CREATE FUNCTION check_break() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'INSERT' THEN
            IF NEW.state <> 'requested' OR NOT EXISTS (
                SELECT FROM participants p
                WHERE p.participant_id = NEW.participant_id AND p.session_id = NEW.session_id
                    AND p.state = 'in_session'
            ) THEN
                RAISE EXCEPTION 'only a participant in the session can request a break'
                    USING ERRCODE = 'restrict_violation';
            END IF;
            RETURN NEW;
        END IF;
        IF (OLD.state, NEW.state) NOT IN (
                ('requested', 'granted'), ('requested', 'refused'), ('requested', 'cancelled'),
                ('granted', 'started'), ('granted', 'cancelled'), ('started', 'returned'), ('started', 'started'))
            OR OLD.state = NEW.state AND (OLD.overrun_at IS NOT NULL OR NEW.overrun_at IS NULL)
            OR OLD.state <> NEW.state AND OLD.overrun_at IS DISTINCT FROM NEW.overrun_at
            OR (OLD.break_id, OLD.session_id, OLD.participant_id, OLD.requested_at)
                <> (NEW.break_id, NEW.session_id, NEW.participant_id, NEW.requested_at)
            OR OLD.length IS NOT NULL AND OLD.length IS DISTINCT FROM NEW.length
            OR OLD.started_at IS NOT NULL AND OLD.started_at IS DISTINCT FROM NEW.started_at
        THEN
            RAISE EXCEPTION 'a break cannot change from % to %', OLD.state, NEW.state
                USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER check_break BEFORE INSERT OR UPDATE ON breaks
        FOR EACH ROW EXECUTE FUNCTION check_break()
    """,
    # Store the newest break and the used breaks in the row of the participant. Refuse a granted break beyond the policy
    # of the session and the extra break time of the learner. The caller has locked the row of the session, so that no
    # break is granted concurrently. A break that is not over counts with its granted length.
    """
    CREATE FUNCTION count_breaks() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        used record;
        allowed record;
    BEGIN
        SELECT count(*) AS count,
            coalesce(sum(CASE state WHEN 'returned' THEN least(closed_at - started_at, length) ELSE length END),
                interval '0') AS time
            INTO used
            FROM breaks WHERE participant_id = NEW.participant_id AND state IN ('granted', 'started', 'returned');
        IF NEW.state = 'granted' THEN
            SELECT s.break_count AS count, s.break_length + coalesce(a.extra, interval '0') AS length,
                s.break_total + coalesce(a.extra, interval '0') AS total, coalesce(a.extra, interval '0') AS extra
                INTO allowed
                FROM sessions s JOIN participants p USING (session_id) LEFT JOIN break_allowances a USING (person_id)
                WHERE p.participant_id = NEW.participant_id;
            IF used.time > allowed.total OR NEW.length > allowed.length
                OR allowed.extra = interval '0' AND used.count > allowed.count THEN
                RAISE EXCEPTION 'the break is beyond the allowance of the participant'
                    USING ERRCODE = 'restrict_violation';
            END IF;
        END IF;
        UPDATE participants
            SET latest_break_id = CASE TG_OP WHEN 'INSERT' THEN NEW.break_id ELSE latest_break_id END,
                used_break_count = used.count, used_break_time = used.time
            WHERE participant_id = NEW.participant_id;
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER count_breaks AFTER INSERT OR UPDATE ON breaks
        FOR EACH ROW EXECUTE FUNCTION count_breaks()
    """,
)


def upgrade() -> None:
    for statement in (*_TABLES, *_TRIGGERS):
        op.execute(statement)
