"""Sessions, participants, their record, and what must never happen to them."""

from __future__ import annotations

from alembic import op

from proctorium_common.storage.migrations import create_common_tables, forbid_changes

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TABLES = (
    # A uuid in an exclusion constraint beside a range needs it; it is a trusted extension, so the owner may make it.
    "CREATE EXTENSION IF NOT EXISTS btree_gist",
    """
    CREATE TABLE sessions (
        session_id uuid NOT NULL,
        course_id uuid NOT NULL,
        assessment_ids uuid[] NOT NULL,
        title text NOT NULL,
        start_time timestamptz NOT NULL,
        duration interval NOT NULL,
        capacity integer NOT NULL,
        lobby_lead interval NOT NULL,
        late_entry text NOT NULL,
        late_entry_limit interval NOT NULL,
        identity_policy text NOT NULL,
        state text NOT NULL,
        lobby_open_time timestamptz NOT NULL,
        actual_start_time timestamptz,
        end_time timestamptz,
        ended_by uuid,
        participant_count integer NOT NULL DEFAULT 0,
        revision bigint NOT NULL,
        session_revision bigint NOT NULL,
        record_number bigint NOT NULL,
        record_hash bytea NOT NULL,
        CONSTRAINT pk_sessions PRIMARY KEY (session_id),
        CONSTRAINT ck_sessions_capacity CHECK (participant_count BETWEEN 0 AND capacity),
        CONSTRAINT ck_sessions_state CHECK (
            state IN ('scheduled', 'lobby_open', 'in_progress', 'ended', 'cancelled')
        ),
        CONSTRAINT ck_sessions_duration CHECK (duration > interval '0'),
        CONSTRAINT ck_sessions_late_entry CHECK (late_entry IN ('closed', 'until')),
        CONSTRAINT ck_sessions_identity_policy CHECK (identity_policy IN ('none', 'before_assessment')),
        CONSTRAINT ck_sessions_started CHECK (
            (state IN ('in_progress', 'ended')) = (actual_start_time IS NOT NULL)
        ),
        CONSTRAINT ck_sessions_ended CHECK (
            (state = 'ended') = (end_time IS NOT NULL) AND (state = 'ended') = (ended_by IS NOT NULL)
        )
    )
    """,
    "CREATE INDEX ix_sessions_start_time_session_id ON sessions (start_time, session_id)",
    "CREATE INDEX ix_sessions_lobby_due ON sessions (lobby_open_time) WHERE state = 'scheduled'",
    """
    CREATE TABLE session_proctors (
        session_id uuid NOT NULL,
        proctor_id uuid NOT NULL,
        place smallint NOT NULL,
        period tstzrange NOT NULL,
        live boolean NOT NULL,
        CONSTRAINT pk_session_proctors PRIMARY KEY (session_id, proctor_id),
        CONSTRAINT uq_session_proctors_session_id_place UNIQUE (session_id, place),
        CONSTRAINT fk_session_proctors_session_id_sessions
            FOREIGN KEY (session_id) REFERENCES sessions (session_id),
        CONSTRAINT ex_session_proctors_overlap
            EXCLUDE USING gist (proctor_id WITH =, period WITH &&) WHERE (live)
    )
    """,
    """
    CREATE TABLE certifications (
        person_id uuid NOT NULL,
        certified_until timestamptz NOT NULL,
        as_of timestamptz NOT NULL,
        CONSTRAINT pk_certifications PRIMARY KEY (person_id)
    )
    """,
    """
    CREATE TABLE session_learners (
        session_id uuid NOT NULL,
        person_id uuid NOT NULL,
        CONSTRAINT pk_session_learners PRIMARY KEY (session_id, person_id),
        CONSTRAINT fk_session_learners_session_id_sessions
            FOREIGN KEY (session_id) REFERENCES sessions (session_id)
    )
    """,
    "CREATE INDEX ix_session_learners_person_id ON session_learners (person_id)",
    """
    CREATE TABLE participants (
        participant_id uuid NOT NULL,
        session_id uuid NOT NULL,
        person_id uuid NOT NULL,
        state text NOT NULL,
        connected boolean NOT NULL DEFAULT false,
        identity text NOT NULL,
        identity_position bigint NOT NULL DEFAULT 0,
        join_time timestamptz NOT NULL,
        entered_time timestamptz,
        ready_time timestamptz,
        removal_reason text NOT NULL DEFAULT '',
        revision bigint NOT NULL,
        CONSTRAINT pk_participants PRIMARY KEY (participant_id),
        CONSTRAINT uq_participants_session_id_person_id UNIQUE (session_id, person_id),
        CONSTRAINT fk_participants_session_id_sessions
            FOREIGN KEY (session_id) REFERENCES sessions (session_id),
        CONSTRAINT ck_participants_state CHECK (
            state IN ('waiting', 'in_session', 'completed', 'removed', 'no_show')
        ),
        CONSTRAINT ck_participants_identity CHECK (
            identity IN ('not_required', 'requested', 'submitted', 'verified', 'rejected', 'resubmission_requested')
        ),
        CONSTRAINT ck_participants_removal_reason CHECK ((state = 'removed') = (removal_reason <> ''))
    )
    """,
    "CREATE INDEX ix_participants_person_id ON participants (person_id)",
    "CREATE INDEX ix_participants_session_id_revision ON participants (session_id, revision)",
    "CREATE INDEX ix_participants_connected ON participants (participant_id) WHERE connected",
    """
    CREATE TABLE participant_assessments (
        participant_id uuid NOT NULL,
        assessment_id uuid NOT NULL,
        attempt_id uuid,
        state smallint NOT NULL,
        answered_count integer NOT NULL,
        item_count integer NOT NULL,
        position bigint NOT NULL,
        CONSTRAINT pk_participant_assessments PRIMARY KEY (participant_id, assessment_id),
        CONSTRAINT fk_participant_assessments_participant_id_participants
            FOREIGN KEY (participant_id) REFERENCES participants (participant_id),
        CONSTRAINT ck_participant_assessments_state CHECK (state BETWEEN 1 AND 5)
    )
    """,
    """
    CREATE TABLE session_record (
        session_id uuid NOT NULL,
        number bigint NOT NULL,
        event text NOT NULL,
        time timestamptz NOT NULL,
        actor text NOT NULL,
        participant_id uuid,
        body bytea NOT NULL,
        hash bytea NOT NULL,
        CONSTRAINT pk_session_record PRIMARY KEY (session_id, number),
        CONSTRAINT fk_session_record_session_id_sessions
            FOREIGN KEY (session_id) REFERENCES sessions (session_id)
    )
    """,
    """
    CREATE UNLOGGED TABLE presence (
        participant_id uuid NOT NULL,
        replica_id uuid NOT NULL,
        lease_until timestamptz NOT NULL,
        CONSTRAINT pk_presence PRIMARY KEY (participant_id, replica_id),
        CONSTRAINT fk_presence_participant_id_participants
            FOREIGN KEY (participant_id) REFERENCES participants (participant_id)
    )
    """,
    "CREATE INDEX ix_presence_lease_until ON presence (lease_until)",
)

_TRIGGERS = (
    # The times and the life of a session, copied to where the exclusion constraint sees them.
    """
    CREATE FUNCTION copy_period() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        SELECT tstzrange(s.start_time, s.start_time + s.duration), s.state NOT IN ('ended', 'cancelled')
            INTO STRICT NEW.period, NEW.live
            FROM sessions s WHERE s.session_id = NEW.session_id;
        RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER copy_period BEFORE INSERT OR UPDATE ON session_proctors
        FOR EACH ROW EXECUTE FUNCTION copy_period()
    """,
    """
    CREATE FUNCTION renew_periods() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        UPDATE session_proctors SET live = live WHERE session_id = NEW.session_id;
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER renew_periods AFTER UPDATE OF state, start_time, duration ON sessions
        FOR EACH ROW
        WHEN (
            (NEW.state IN ('ended', 'cancelled')) <> (OLD.state IN ('ended', 'cancelled'))
            OR NEW.start_time <> OLD.start_time
            OR NEW.duration <> OLD.duration
        )
        EXECUTE FUNCTION renew_periods()
    """,
    # Every participant is counted, so ck_sessions_capacity holds against any writer.
    """
    CREATE FUNCTION count_participants() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        UPDATE sessions SET participant_count = participant_count + added.count
            FROM (SELECT session_id, count(*) FROM new_participants GROUP BY session_id) AS added
            WHERE sessions.session_id = added.session_id;
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER count_participants AFTER INSERT ON participants
        REFERENCING NEW TABLE AS new_participants
        FOR EACH STATEMENT EXECUTE FUNCTION count_participants()
    """,
    # The moves of the two state machines (domain/session_states.py, domain/participant_states.py), for any writer.
    """
    CREATE FUNCTION check_session_move() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF (OLD.state, NEW.state) NOT IN (
            ('scheduled', 'lobby_open'), ('lobby_open', 'in_progress'), ('in_progress', 'ended'),
            ('scheduled', 'cancelled'), ('lobby_open', 'cancelled')
        ) THEN
            RAISE EXCEPTION 'a session does not move from % to %', OLD.state, NEW.state
                USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER check_session_move BEFORE UPDATE OF state ON sessions
        FOR EACH ROW WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION check_session_move()
    """,
    """
    CREATE FUNCTION check_participant_move() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF (OLD.state, NEW.state) NOT IN (
            ('waiting', 'in_session'), ('waiting', 'no_show'), ('waiting', 'removed'),
            ('in_session', 'completed'), ('in_session', 'removed')
        ) THEN
            RAISE EXCEPTION 'a participant does not move from % to %', OLD.state, NEW.state
                USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER check_participant_move BEFORE UPDATE OF state ON participants
        FOR EACH ROW WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION check_participant_move()
    """,
    # Numbers without a gap, whoever writes.
    """
    CREATE FUNCTION check_record_number() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.number <> 1 AND NOT EXISTS (
            SELECT FROM session_record r
            WHERE r.session_id = NEW.session_id AND r.number = NEW.number - 1
        ) THEN
            RAISE EXCEPTION 'entry % of a record needs the one before it', NEW.number
                USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER check_record_number BEFORE INSERT ON session_record
        FOR EACH ROW EXECUTE FUNCTION check_record_number()
    """,
)


def upgrade() -> None:
    create_common_tables()
    for statement in (*_TABLES, *_TRIGGERS):
        op.execute(statement)
    forbid_changes("session_record")
