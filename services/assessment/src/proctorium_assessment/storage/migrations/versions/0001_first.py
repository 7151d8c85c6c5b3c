"""Assessments, attempts, answers, results, certificates, and what is known of sessions and courses."""

from alembic import op

from proctorium_common.storage.migrations import create_common_tables, forbid_changes

revision = "0001"
down_revision = None

_ASSESSMENTS = (
    """
    CREATE TABLE assessments (
        assessment_id uuid NOT NULL,
        title text NOT NULL,
        proctored boolean NOT NULL,
        time_limit interval,
        pass_mark double precision NOT NULL,
        awards_certificate boolean NOT NULL,
        item_count integer NOT NULL,
        item_list bytea NOT NULL,
        created_at timestamptz NOT NULL,
        published_at timestamptz,
        CONSTRAINT pk_assessments PRIMARY KEY (assessment_id),
        CONSTRAINT ck_assessments_pass_mark CHECK (pass_mark BETWEEN 0 AND 1),
        CONSTRAINT ck_assessments_item_count CHECK (item_count > 0)
    )
    """,
    "CREATE INDEX ix_assessments_title ON assessments (title, assessment_id)",
    """
    CREATE FUNCTION keep_published_assessments() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF OLD.published_at IS NOT NULL THEN
            RAISE EXCEPTION 'a published assessment never changes: % is refused', TG_OP
                USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
    END $$
    """,
    """
    CREATE TRIGGER keep_published_assessments BEFORE UPDATE OR DELETE ON assessments
        FOR EACH ROW EXECUTE FUNCTION keep_published_assessments()
    """,
    "ALTER TABLE assessments ENABLE ALWAYS TRIGGER keep_published_assessments",
)

_ATTEMPTS = (
    # Room on each page lets a save update its attempt in place, without touching an index.
    """
    CREATE TABLE attempts (
        attempt_id uuid NOT NULL,
        assessment_id uuid NOT NULL,
        person_id uuid NOT NULL,
        session_id uuid,
        participant_id uuid,
        state text NOT NULL,
        created_at timestamptz NOT NULL,
        started_at timestamptz,
        time_limit interval,
        deadline_at timestamptz,
        submitted_at timestamptz,
        submit_cause text,
        released_at timestamptz,
        version bigint NOT NULL,
        chain_head bytea NOT NULL,
        chain_length bigint NOT NULL,
        last_sequence bigint NOT NULL,
        progress_published_length bigint NOT NULL,
        progress_published_at timestamptz,
        CONSTRAINT pk_attempts PRIMARY KEY (attempt_id),
        CONSTRAINT ck_attempts_state CHECK (state IN ('awaiting-authorization', 'authorized', 'in-progress',
            'submitted', 'scored', 'released', 'voided')),
        CONSTRAINT ck_attempts_submit_cause CHECK (
            submit_cause IN ('learner', 'time-over', 'session-ended', 'removed')),
        CONSTRAINT ck_attempts_in_session CHECK ((session_id IS NULL) = (participant_id IS NULL)),
        CONSTRAINT ck_attempts_started CHECK (
            (state IN ('in-progress', 'submitted', 'scored', 'released')) = (started_at IS NOT NULL)),
        CONSTRAINT ck_attempts_submitted CHECK (
            (state IN ('submitted', 'scored', 'released')) = (submitted_at IS NOT NULL AND submit_cause IS NOT NULL)),
        CONSTRAINT ck_attempts_released CHECK ((state = 'released') = (released_at IS NOT NULL)),
        CONSTRAINT ck_attempts_nothing_before_start CHECK (started_at IS NOT NULL OR chain_length = 0),
        CONSTRAINT ck_attempts_chain_head CHECK (octet_length(chain_head) = 32)
    ) WITH (fillfactor = 60)
    """,
    """
    CREATE UNIQUE INDEX uq_attempts_session_person_assessment ON attempts (session_id, person_id, assessment_id)
        WHERE session_id IS NOT NULL
    """,
    """
    CREATE UNIQUE INDEX uq_attempts_self_paced ON attempts (person_id, assessment_id)
        WHERE session_id IS NULL AND state <> 'voided'
    """,
    # Nobody sits an assessment twice (`A10`). From the beginning on, so that handing in can never fail for it.
    """
    CREATE UNIQUE INDEX uq_attempts_started ON attempts (person_id, assessment_id)
        WHERE state IN ('in-progress', 'submitted', 'scored', 'released')
    """,
    "CREATE INDEX ix_attempts_person ON attempts (person_id, attempt_id)",
    "CREATE INDEX ix_attempts_participant ON attempts (participant_id)",
    "CREATE INDEX ix_attempts_deadline ON attempts (deadline_at) WHERE state = 'in-progress'",
    # Fires where a state or an owner is written, so saving does not pay for it.
    """
    CREATE FUNCTION keep_attempts_moving_forward() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF (NEW.attempt_id, NEW.assessment_id, NEW.person_id, NEW.session_id, NEW.participant_id)
            IS DISTINCT FROM
            (OLD.attempt_id, OLD.assessment_id, OLD.person_id, OLD.session_id, OLD.participant_id) THEN
            RAISE EXCEPTION 'an attempt stays its learner''s' USING ERRCODE = 'restrict_violation';
        END IF;
        IF NEW.state <> OLD.state AND (OLD.state, NEW.state) NOT IN (
            ('awaiting-authorization', 'authorized'), ('awaiting-authorization', 'voided'),
            ('authorized', 'in-progress'), ('authorized', 'voided'),
            ('in-progress', 'submitted'), ('in-progress', 'scored'), ('in-progress', 'released'),
            ('submitted', 'scored'), ('submitted', 'released'), ('scored', 'released')) THEN
            RAISE EXCEPTION 'an attempt does not go from % to %', OLD.state, NEW.state
                USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER keep_attempts_moving_forward
        BEFORE UPDATE OF attempt_id, assessment_id, person_id, session_id, participant_id, state ON attempts
        FOR EACH ROW EXECUTE FUNCTION keep_attempts_moving_forward()
    """,
    "ALTER TABLE attempts ENABLE ALWAYS TRIGGER keep_attempts_moving_forward",
    """
    CREATE TABLE answer_revisions (
        attempt_id uuid NOT NULL,
        sequence bigint NOT NULL,
        item_id uuid NOT NULL,
        answer bytea NOT NULL,
        client_time timestamptz,
        received_at timestamptz NOT NULL,
        saved_at timestamptz NOT NULL,
        late boolean NOT NULL,
        position bigint,
        head bytea,
        CONSTRAINT pk_answer_revisions PRIMARY KEY (attempt_id, sequence),
        CONSTRAINT fk_answer_revisions_attempt_id_attempts FOREIGN KEY (attempt_id) REFERENCES attempts (attempt_id),
        CONSTRAINT ck_answer_revisions_sequence CHECK (sequence > 0),
        CONSTRAINT ck_answer_revisions_chained CHECK (
            CASE WHEN late THEN position IS NULL AND head IS NULL
            ELSE position > 0 AND octet_length(head) = 32 END)
    )
    """,
    """
    CREATE TABLE time_ledger (
        attempt_id uuid NOT NULL,
        position integer NOT NULL,
        mark text NOT NULL,
        at timestamptz NOT NULL,
        amount interval,
        CONSTRAINT pk_time_ledger PRIMARY KEY (attempt_id, position),
        CONSTRAINT fk_time_ledger_attempt_id_attempts FOREIGN KEY (attempt_id) REFERENCES attempts (attempt_id),
        CONSTRAINT ck_time_ledger_mark CHECK (mark IN ('started', 'paused', 'resumed', 'break-began', 'break-ended',
            'outage-began', 'outage-ended', 'extra')),
        CONSTRAINT ck_time_ledger_amount CHECK ((mark = 'extra') = (amount IS NOT NULL))
    )
    """,
)

_RESULTS = (
    """
    CREATE TABLE results (
        result_id uuid NOT NULL,
        attempt_id uuid NOT NULL,
        version integer NOT NULL,
        assessment_id uuid NOT NULL,
        person_id uuid NOT NULL,
        session_id uuid,
        points double precision NOT NULL,
        points_possible double precision NOT NULL,
        passed boolean NOT NULL,
        item_scores jsonb NOT NULL,
        scored_at timestamptz NOT NULL,
        CONSTRAINT pk_results PRIMARY KEY (result_id),
        CONSTRAINT fk_results_attempt_id_attempts FOREIGN KEY (attempt_id) REFERENCES attempts (attempt_id),
        CONSTRAINT fk_results_assessment_id_assessments
            FOREIGN KEY (assessment_id) REFERENCES assessments (assessment_id),
        CONSTRAINT uq_results_attempt_id_version UNIQUE (attempt_id, version),
        CONSTRAINT ck_results_version CHECK (version > 0),
        CONSTRAINT ck_results_points CHECK (points BETWEEN 0 AND points_possible)
    )
    """,
    "CREATE INDEX ix_results_person ON results (person_id, result_id)",
    "CREATE INDEX ix_results_session ON results (session_id, result_id)",
    """
    CREATE TABLE certificates (
        certificate_id uuid NOT NULL,
        result_id uuid NOT NULL,
        person_id uuid NOT NULL,
        session_id uuid,
        created_at timestamptz NOT NULL,
        traceparent text,
        next_try_at timestamptz NOT NULL,
        tries integer NOT NULL,
        issued_at timestamptz,
        title text,
        course_id uuid,
        holder_name text,
        credential text,
        pdf bytea,
        CONSTRAINT pk_certificates PRIMARY KEY (certificate_id),
        CONSTRAINT fk_certificates_result_id_results FOREIGN KEY (result_id) REFERENCES results (result_id),
        CONSTRAINT uq_certificates_result_id UNIQUE (result_id),
        CONSTRAINT ck_certificates_whole CHECK (
            (issued_at IS NOT NULL)
            = (title IS NOT NULL AND holder_name IS NOT NULL AND credential IS NOT NULL AND pdf IS NOT NULL))
    )
    """,
    "CREATE INDEX ix_certificates_pending ON certificates (next_try_at) WHERE issued_at IS NULL",
    """
    CREATE FUNCTION keep_certificates() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'UPDATE' THEN
            IF OLD.issued_at IS NULL THEN
                RETURN NEW;
            END IF;
        END IF;
        RAISE EXCEPTION 'certificates are permanent: % is refused', TG_OP
            USING ERRCODE = 'restrict_violation';
    END $$
    """,
    """
    CREATE TRIGGER keep_certificates BEFORE UPDATE OR DELETE ON certificates
        FOR EACH ROW EXECUTE FUNCTION keep_certificates()
    """,
    """
    CREATE TRIGGER keep_certificates_whole BEFORE TRUNCATE ON certificates
        FOR EACH STATEMENT EXECUTE FUNCTION keep_certificates()
    """,
    "ALTER TABLE certificates ENABLE ALWAYS TRIGGER keep_certificates",
    "ALTER TABLE certificates ENABLE ALWAYS TRIGGER keep_certificates_whole",
    """
    CREATE TABLE issuer_keys (
        key_id text NOT NULL,
        public_key bytea NOT NULL,
        encrypted_seed bytea NOT NULL,
        created_at timestamptz NOT NULL,
        CONSTRAINT pk_issuer_keys PRIMARY KEY (key_id)
    )
    """,
)

_PROJECTIONS = (
    """
    CREATE TABLE sessions (
        session_id uuid NOT NULL,
        course_id uuid,
        proctor_ids uuid[] NOT NULL,
        ended_at timestamptz,
        CONSTRAINT pk_sessions PRIMARY KEY (session_id)
    )
    """,
    """
    CREATE TABLE removed_participants (
        participant_id uuid NOT NULL,
        removed_at timestamptz NOT NULL,
        CONSTRAINT pk_removed_participants PRIMARY KEY (participant_id)
    )
    """,
    """
    CREATE TABLE courses (
        course_id uuid NOT NULL,
        title text NOT NULL,
        hours double precision NOT NULL,
        self_paced boolean NOT NULL,
        position bigint NOT NULL,
        CONSTRAINT pk_courses PRIMARY KEY (course_id)
    )
    """,
    """
    CREATE TABLE course_assessments (
        course_id uuid NOT NULL,
        assessment_id uuid NOT NULL,
        CONSTRAINT pk_course_assessments PRIMARY KEY (course_id, assessment_id)
    )
    """,
    "CREATE INDEX ix_course_assessments_assessment ON course_assessments (assessment_id)",
    """
    CREATE TABLE registrations (
        course_id uuid NOT NULL,
        person_id uuid NOT NULL,
        CONSTRAINT pk_registrations PRIMARY KEY (course_id, person_id)
    )
    """,
)


def upgrade() -> None:
    create_common_tables()
    for statement in (*_ASSESSMENTS, *_ATTEMPTS, *_RESULTS, *_PROJECTIONS):
        op.execute(statement)
    for permanent in ("answer_revisions", "time_ledger", "results"):
        forbid_changes(permanent)
