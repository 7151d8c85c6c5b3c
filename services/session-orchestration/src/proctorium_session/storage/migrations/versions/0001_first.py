"""Create the tables of sessions, participants, their progress, session records and presence."""

from __future__ import annotations

from alembic import op

from proctorium_access.certifications import create_certifications
from proctorium_common.storage.migrations import (
    create_common_tables,
    create_page_token_keys,
    forbid_changes,
)
from proctorium_common.storage.schema import create_revocations

revision = "0001"
down_revision = None

_TABLES = (
    # The extension btree_gist allows a uuid in an exclusion constraint. The owner of the database may create the
    # extension, because the extension is trusted.
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
        ordinal smallint NOT NULL,
        period tstzrange NOT NULL,
        live boolean NOT NULL,
        CONSTRAINT pk_session_proctors PRIMARY KEY (session_id, proctor_id),
        CONSTRAINT uq_session_proctors_session_id_ordinal UNIQUE (session_id, ordinal),
        CONSTRAINT fk_session_proctors_session_id_sessions
            FOREIGN KEY (session_id) REFERENCES sessions (session_id),
        CONSTRAINT ex_session_proctors_overlap
            EXCLUDE USING gist (proctor_id WITH =, period WITH &&) WHERE (live)
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
            state IN ('waiting', 'in_session', 'completed', 'removed', 'no_show', 'left')
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
        CONSTRAINT ck_participant_assessments_state CHECK (state BETWEEN 1 AND 6)
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
    CREATE TABLE record_accesses (
        session_id uuid NOT NULL,
        minute timestamptz NOT NULL,
        accessed_by uuid NOT NULL,
        acting_role text NOT NULL,
        CONSTRAINT pk_record_accesses PRIMARY KEY (session_id, minute, accessed_by, acting_role),
        CONSTRAINT fk_record_accesses_session_id_sessions
            FOREIGN KEY (session_id) REFERENCES sessions (session_id),
        CONSTRAINT ck_record_accesses_acting_role CHECK (acting_role IN ('proctor', 'administrator')),
        CONSTRAINT ck_record_accesses_minute CHECK (minute = date_trunc('minute', minute))
    )
    """,
    """
    CREATE UNLOGGED TABLE presence (
        participant_id uuid NOT NULL,
        replica_id uuid NOT NULL,
        expires_at timestamptz NOT NULL,
        CONSTRAINT pk_presence PRIMARY KEY (participant_id, replica_id),
        CONSTRAINT fk_presence_participant_id_participants
            FOREIGN KEY (participant_id) REFERENCES participants (participant_id)
    )
    """,
    "CREATE INDEX ix_presence_expires_at ON presence (expires_at)",
)

_TRIGGERS = (
    # Copy two facts from `sessions` to each row of `session_proctors`: the planned period of the session, and whether
    # the session is not over (`live`). The exclusion constraint of `session_proctors` needs them.
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
    # Update `participant_count` in a trigger, so that ck_sessions_capacity applies to all inserted participants.
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
    # Allow only the transitions of the state machines in domain/session_states.py and domain/participant_states.py.
    """
    CREATE FUNCTION check_session_update() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF (OLD.state, NEW.state) NOT IN (
            ('scheduled', 'lobby_open'), ('lobby_open', 'in_progress'), ('in_progress', 'ended'),
            ('scheduled', 'cancelled'), ('lobby_open', 'cancelled')
        ) THEN
            RAISE EXCEPTION 'a session cannot change from % to %', OLD.state, NEW.state
                USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER check_session_update BEFORE UPDATE OF state ON sessions
        FOR EACH ROW WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION check_session_update()
    """,
    """
    CREATE FUNCTION check_participant_update() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF (OLD.state, NEW.state) NOT IN (
            ('waiting', 'in_session'), ('waiting', 'no_show'), ('waiting', 'removed'),
            ('in_session', 'completed'), ('in_session', 'left'), ('in_session', 'removed'),
            ('left', 'completed')
        ) THEN
            RAISE EXCEPTION 'a participant cannot change from % to %', OLD.state, NEW.state
                USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER check_participant_update BEFORE UPDATE OF state ON participants
        FOR EACH ROW WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION check_participant_update()
    """,
    # Refuse an entry of a session record whose number does not follow the number of the previous entry.
    """
    CREATE FUNCTION check_record_number() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.number <> 1 AND NOT EXISTS (
            SELECT FROM session_record r
            WHERE r.session_id = NEW.session_id AND r.number = NEW.number - 1
        ) THEN
            RAISE EXCEPTION 'entry % of a record has no entry before it', NEW.number
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
    create_page_token_keys()
    create_revocations()
    create_certifications()
    for statement in (*_TABLES, *_TRIGGERS):
        op.execute(statement)
    forbid_changes("session_record")
    forbid_changes("record_accesses")
