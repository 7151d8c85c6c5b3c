"""Create the tables and triggers of assessment."""

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

_ASSESSMENTS = (
    """
    CREATE TABLE assessments (
        assessment_id uuid NOT NULL,
        title text NOT NULL,
        proctored boolean NOT NULL,
        time_limit interval,
        pass_mark double precision NOT NULL,
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
    CREATE FUNCTION forbid_published_assessment_changes() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF OLD.published_at IS NOT NULL THEN
            RAISE EXCEPTION 'a published assessment cannot change: % is refused', TG_OP
                USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
    END $$
    """,
    """
    CREATE TRIGGER forbid_published_assessment_changes BEFORE UPDATE OR DELETE ON assessments
        FOR EACH ROW EXECUTE FUNCTION forbid_published_assessment_changes()
    """,
    "ALTER TABLE assessments ENABLE ALWAYS TRIGGER forbid_published_assessment_changes",
)

_ATTEMPTS = (
    # The `fillfactor` of `attempts` leaves free space on each page for new row versions, so that a save adds no index
    # entries (a HOT update).
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
        CONSTRAINT ck_attempts_state CHECK (state IN ('awaiting_authorization', 'authorized', 'in_progress',
            'submitted', 'scored', 'released', 'voided')),
        CONSTRAINT ck_attempts_submit_cause CHECK (
            submit_cause IN ('learner', 'time_limit_exceeded', 'session_ended', 'removed')),
        CONSTRAINT ck_attempts_in_session CHECK ((session_id IS NULL) = (participant_id IS NULL)),
        CONSTRAINT ck_attempts_started CHECK (
            (state IN ('in_progress', 'submitted', 'scored', 'released')) = (started_at IS NOT NULL)),
        CONSTRAINT ck_attempts_submitted CHECK (
            (state IN ('submitted', 'scored', 'released')) = (submitted_at IS NOT NULL AND submit_cause IS NOT NULL)),
        CONSTRAINT ck_attempts_released CHECK ((state = 'released') = (released_at IS NOT NULL)),
        CONSTRAINT ck_attempts_saved_after_start CHECK (started_at IS NOT NULL OR chain_length = 0),
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
    # A learner has at most one started attempt at an assessment (`A10`). The index enforces this limit when an attempt
    # is started. An attempt that is submitted is in the index already, so the submission cannot violate the limit.
    """
    CREATE UNIQUE INDEX uq_attempts_started ON attempts (person_id, assessment_id)
        WHERE state IN ('in_progress', 'submitted', 'scored', 'released')
    """,
    "CREATE INDEX ix_attempts_person_id ON attempts (person_id, attempt_id)",
    "CREATE INDEX ix_attempts_participant_id ON attempts (participant_id)",
    "CREATE INDEX ix_attempts_deadline_at ON attempts (deadline_at) WHERE state = 'in_progress'",
    # The trigger `check_attempt_update` fires only on updates of the state or of the ids, so that saves are not slowed.
    """
    CREATE FUNCTION check_attempt_update() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF (NEW.attempt_id, NEW.assessment_id, NEW.person_id, NEW.session_id, NEW.participant_id)
            IS DISTINCT FROM
            (OLD.attempt_id, OLD.assessment_id, OLD.person_id, OLD.session_id, OLD.participant_id) THEN
            RAISE EXCEPTION 'an attempt cannot move to another learner, assessment or session' USING ERRCODE = 'restrict_violation';
        END IF;
        IF NEW.state <> OLD.state AND (OLD.state, NEW.state) NOT IN (
            ('awaiting_authorization', 'authorized'),
            ('awaiting_authorization', 'voided'),
            ('authorized', 'in_progress'),
            ('authorized', 'voided'),
            ('in_progress', 'submitted'),
            ('submitted', 'scored'),
            ('scored', 'released'),
            -- A submission with its score and its release is one update.
            ('in_progress', 'scored'),
            ('in_progress', 'released'),
            ('submitted', 'released')
        ) THEN
            RAISE EXCEPTION 'an attempt cannot change from % to %', OLD.state, NEW.state
                USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER check_attempt_update
        BEFORE UPDATE OF attempt_id, assessment_id, person_id, session_id, participant_id, state ON attempts
        FOR EACH ROW EXECUTE FUNCTION check_attempt_update()
    """,
    "ALTER TABLE attempts ENABLE ALWAYS TRIGGER check_attempt_update",
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
        kind text NOT NULL,
        at timestamptz NOT NULL,
        amount interval,
        CONSTRAINT pk_time_ledger PRIMARY KEY (attempt_id, position),
        CONSTRAINT fk_time_ledger_attempt_id_attempts FOREIGN KEY (attempt_id) REFERENCES attempts (attempt_id),
        CONSTRAINT ck_time_ledger_kind CHECK (kind IN ('started', 'paused', 'resumed', 'break_started', 'break_ended',
            'outage_started', 'outage_ended', 'extra')),
        CONSTRAINT ck_time_ledger_amount CHECK ((kind = 'extra') = (amount IS NOT NULL))
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
    "CREATE INDEX ix_results_person_id ON results (person_id, result_id)",
    "CREATE INDEX ix_results_session_id ON results (session_id, result_id)",
    """
    CREATE TABLE releases (
        attempt_id uuid NOT NULL,
        released_by uuid NOT NULL,
        release_reason text NOT NULL,
        released_at timestamptz NOT NULL,
        CONSTRAINT pk_releases PRIMARY KEY (attempt_id),
        CONSTRAINT fk_releases_attempt_id_attempts FOREIGN KEY (attempt_id) REFERENCES attempts (attempt_id)
    )
    """,
    """
    CREATE TABLE certificates (
        certificate_id uuid NOT NULL,
        registration_id uuid NOT NULL,
        person_id uuid NOT NULL,
        course_id uuid NOT NULL,
        title text NOT NULL,
        created_at timestamptz NOT NULL,
        traceparent text,
        due_at timestamptz NOT NULL,
        failures integer NOT NULL,
        issued_at timestamptz,
        holder_name text,
        credential text,
        pdf bytea,
        CONSTRAINT pk_certificates PRIMARY KEY (certificate_id),
        CONSTRAINT uq_certificates_registration_id UNIQUE (registration_id),
        CONSTRAINT ck_certificates_issued CHECK (
            num_nonnulls(issued_at, holder_name, credential, pdf) IN (0, 4))
    )
    """,
    "CREATE INDEX ix_certificates_person_id ON certificates (person_id, certificate_id)",
    "CREATE INDEX ix_certificates_pending ON certificates (due_at) WHERE issued_at IS NULL",
    """
    CREATE FUNCTION forbid_issued_certificate_changes() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'UPDATE' THEN
            IF OLD.issued_at IS NULL THEN
                RETURN NEW;
            END IF;
        END IF;
        RAISE EXCEPTION 'an issued certificate cannot change: % is refused', TG_OP
            USING ERRCODE = 'restrict_violation';
    END $$
    """,
    """
    CREATE TRIGGER forbid_issued_certificate_changes BEFORE UPDATE OR DELETE ON certificates
        FOR EACH ROW EXECUTE FUNCTION forbid_issued_certificate_changes()
    """,
    """
    CREATE TRIGGER forbid_issued_certificate_truncate BEFORE TRUNCATE ON certificates
        FOR EACH STATEMENT EXECUTE FUNCTION forbid_issued_certificate_changes()
    """,
    "ALTER TABLE certificates ENABLE ALWAYS TRIGGER forbid_issued_certificate_changes",
    "ALTER TABLE certificates ENABLE ALWAYS TRIGGER forbid_issued_certificate_truncate",
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

_COPIES = (
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
        CONSTRAINT pk_removed_participants PRIMARY KEY (participant_id)
    )
    """,
    """
    CREATE TABLE ready_participants (
        participant_id uuid NOT NULL,
        CONSTRAINT pk_ready_participants PRIMARY KEY (participant_id)
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
    "CREATE INDEX ix_course_assessments_assessment_id ON course_assessments (assessment_id)",
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
    create_page_token_keys()
    create_revocations()
    create_certifications()
    for statement in (*_ASSESSMENTS, *_ATTEMPTS, *_RESULTS, *_COPIES):
        op.execute(statement)
    for table in ("answer_revisions", "time_ledger", "results", "releases"):
        forbid_changes(table)
