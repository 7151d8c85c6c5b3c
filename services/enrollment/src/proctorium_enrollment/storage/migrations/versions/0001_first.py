"""Create the tables of people, accounts, courses, registrations, sessions, codes and the organisation's settings."""

from __future__ import annotations

from alembic import op

from proctorium_common.storage.migrations import (
    create_common_tables,
    create_page_token_keys,
    forbid_changes,
)
from proctorium_common.storage.schema import create_revocations

revision = "0001"
down_revision = None

_TABLES = (
    """
    CREATE TABLE people (
        person_id uuid NOT NULL,
        legal_name text NOT NULL,
        preferred_name text NOT NULL,
        email text NOT NULL,
        date_of_birth date,
        locale text NOT NULL,
        time_zone text NOT NULL,
        roles text[] NOT NULL,
        certified_until timestamptz,
        created_at timestamptz NOT NULL,
        disabled_at timestamptz,
        access_version bigint DEFAULT 0 NOT NULL,
        CONSTRAINT pk_people PRIMARY KEY (person_id),
        CONSTRAINT uq_people_email UNIQUE (email),
        CONSTRAINT ck_people_email_lower CHECK (email = lower(email)),
        CONSTRAINT ck_people_roles CHECK (
            cardinality(roles) > 0 AND roles <@ ARRAY['learner', 'proctor', 'administrator']
        ),
        CONSTRAINT ck_people_certified CHECK (certified_until IS NULL OR 'proctor' = ANY (roles))
    )
    """,
    "CREATE INDEX ix_people_legal_name ON people (legal_name, person_id)",
    """
    CREATE TABLE person_changes (
        change_id uuid NOT NULL,
        person_id uuid NOT NULL,
        kind text NOT NULL,
        changed_at timestamptz NOT NULL,
        changed_by uuid,
        role text,
        previous_certified_until timestamptz,
        certified_until timestamptz,
        reason text NOT NULL,
        CONSTRAINT pk_person_changes PRIMARY KEY (change_id),
        CONSTRAINT fk_person_changes_person_id_people FOREIGN KEY (person_id) REFERENCES people (person_id),
        CONSTRAINT ck_person_changes_kind CHECK (
            kind IN ('role_granted', 'role_revoked', 'certified', 'disabled', 'enabled')
        ),
        CONSTRAINT ck_person_changes_role CHECK (
            (kind IN ('role_granted', 'role_revoked')) = (role IS NOT NULL)
        )
    )
    """,
    "CREATE INDEX ix_person_changes_person_id ON person_changes (person_id, change_id)",
    """
    CREATE TABLE credentials (
        person_id uuid NOT NULL,
        password_hash text NOT NULL,
        changed_at timestamptz NOT NULL,
        CONSTRAINT pk_credentials PRIMARY KEY (person_id),
        CONSTRAINT fk_credentials_person_id_people FOREIGN KEY (person_id) REFERENCES people (person_id)
    )
    """,
    """
    CREATE TABLE sign_ins (
        sign_in_id uuid NOT NULL,
        person_id uuid NOT NULL,
        created_at timestamptz NOT NULL,
        ended_at timestamptz,
        stay_signed_in boolean NOT NULL,
        CONSTRAINT pk_sign_ins PRIMARY KEY (sign_in_id),
        CONSTRAINT fk_sign_ins_person_id_people FOREIGN KEY (person_id) REFERENCES people (person_id)
    )
    """,
    "CREATE INDEX ix_sign_ins_open ON sign_ins (person_id) WHERE ended_at IS NULL",
    """
    CREATE TABLE refresh_tokens (
        token_hash bytea NOT NULL,
        sign_in_id uuid NOT NULL,
        created_at timestamptz NOT NULL,
        expires_at timestamptz NOT NULL,
        used_at timestamptz,
        CONSTRAINT pk_refresh_tokens PRIMARY KEY (token_hash),
        CONSTRAINT fk_refresh_tokens_sign_in_id_sign_ins
            FOREIGN KEY (sign_in_id) REFERENCES sign_ins (sign_in_id)
    )
    """,
    "CREATE INDEX ix_refresh_tokens_sign_in_id ON refresh_tokens (sign_in_id)",
    """
    CREATE TABLE failed_entries (
        digest bytea NOT NULL,
        kind text NOT NULL,
        failures integer NOT NULL,
        first_at timestamptz NOT NULL,
        retry_at timestamptz NOT NULL,
        CONSTRAINT pk_failed_entries PRIMARY KEY (digest),
        CONSTRAINT ck_failed_entries_failures CHECK (failures > 0)
    )
    """,
    "CREATE INDEX ix_failed_entries_first_at ON failed_entries (first_at)",
    """
    CREATE TABLE courses (
        course_id uuid NOT NULL,
        title text NOT NULL,
        description text NOT NULL,
        kind text NOT NULL,
        hours double precision NOT NULL,
        awards_certificate boolean NOT NULL,
        published_at timestamptz,
        created_at timestamptz NOT NULL,
        CONSTRAINT pk_courses PRIMARY KEY (course_id),
        CONSTRAINT ck_courses_kind CHECK (kind IN ('proctored', 'self_paced')),
        CONSTRAINT ck_courses_hours CHECK (hours >= 0)
    )
    """,
    "CREATE INDEX ix_courses_title ON courses (title, course_id)",
    """
    CREATE TABLE units (
        unit_id uuid NOT NULL,
        course_id uuid NOT NULL,
        position integer NOT NULL,
        kind text NOT NULL,
        title text NOT NULL,
        markdown text NOT NULL,
        url text NOT NULL,
        assessment_id uuid,
        CONSTRAINT pk_units PRIMARY KEY (unit_id),
        CONSTRAINT uq_units_course_id_position UNIQUE (course_id, position),
        CONSTRAINT uq_units_unit_id_course_id UNIQUE (unit_id, course_id),
        CONSTRAINT fk_units_course_id_courses FOREIGN KEY (course_id) REFERENCES courses (course_id),
        CONSTRAINT ck_units_kind CHECK (
            (kind = 'lesson' AND markdown <> '' AND url = '' AND assessment_id IS NULL)
            OR (kind = 'link' AND url LIKE 'https://%' AND markdown = '' AND assessment_id IS NULL)
            OR (kind = 'assessment' AND assessment_id IS NOT NULL AND markdown = '' AND url = '')
        )
    )
    """,
    "CREATE INDEX ix_units_assessment_id ON units (assessment_id) WHERE assessment_id IS NOT NULL",
    """
    CREATE TABLE registrations (
        registration_id uuid NOT NULL,
        person_id uuid NOT NULL,
        course_id uuid NOT NULL,
        created_at timestamptz NOT NULL,
        completed_at timestamptz,
        CONSTRAINT pk_registrations PRIMARY KEY (registration_id),
        CONSTRAINT uq_registrations_person_id_course_id UNIQUE (person_id, course_id),
        CONSTRAINT uq_registrations_registration_id_course_id UNIQUE (registration_id, course_id),
        CONSTRAINT fk_registrations_person_id_people FOREIGN KEY (person_id) REFERENCES people (person_id),
        CONSTRAINT fk_registrations_course_id_courses FOREIGN KEY (course_id) REFERENCES courses (course_id)
    )
    """,
    "CREATE INDEX ix_registrations_course_id ON registrations (course_id, created_at, registration_id)",
    """
    CREATE TABLE progress (
        registration_id uuid NOT NULL,
        unit_id uuid NOT NULL,
        course_id uuid NOT NULL,
        finished_at timestamptz NOT NULL,
        CONSTRAINT pk_progress PRIMARY KEY (registration_id, unit_id),
        CONSTRAINT fk_progress_registration FOREIGN KEY (registration_id, course_id)
            REFERENCES registrations (registration_id, course_id),
        CONSTRAINT fk_progress_unit FOREIGN KEY (unit_id, course_id) REFERENCES units (unit_id, course_id)
    )
    """,
    """
    CREATE TABLE results (
        result_id uuid NOT NULL,
        person_id uuid NOT NULL,
        assessment_id uuid NOT NULL,
        course_id uuid,
        passed boolean NOT NULL,
        version integer NOT NULL,
        CONSTRAINT pk_results PRIMARY KEY (result_id)
    )
    """,
    "CREATE INDEX ix_results_person_id ON results (person_id, assessment_id)",
    """
    CREATE TABLE sessions (
        session_id uuid NOT NULL,
        state text NOT NULL,
        course_id uuid,
        lobby_open_at timestamptz,
        planned_end_at timestamptz,
        CONSTRAINT pk_sessions PRIMARY KEY (session_id),
        CONSTRAINT ck_sessions_state CHECK (state IN ('scheduled', 'in_progress', 'ended', 'cancelled'))
    )
    """,
    """
    CREATE TABLE session_members (
        session_id uuid NOT NULL,
        person_id uuid NOT NULL,
        role text NOT NULL,
        joined boolean NOT NULL,
        removed boolean NOT NULL,
        CONSTRAINT pk_session_members PRIMARY KEY (session_id, person_id, role),
        CONSTRAINT fk_session_members_session_id_sessions
            FOREIGN KEY (session_id) REFERENCES sessions (session_id),
        CONSTRAINT ck_session_members_role CHECK (role IN ('proctor', 'learner'))
    )
    """,
    "CREATE INDEX ix_session_members_person_id ON session_members (person_id, role)",
    """
    CREATE TABLE codes (
        code_id uuid NOT NULL,
        session_id uuid NOT NULL,
        person_id uuid,
        lookup bytea NOT NULL,
        folded_lookup bytea NOT NULL,
        encrypted_text bytea NOT NULL,
        state text NOT NULL,
        valid_from timestamptz,
        valid_until timestamptz,
        automatic boolean NOT NULL,
        replaces_code_id uuid,
        created_at timestamptz NOT NULL,
        CONSTRAINT pk_codes PRIMARY KEY (code_id),
        CONSTRAINT uq_codes_lookup UNIQUE (lookup),
        CONSTRAINT uq_codes_replaces_code_id UNIQUE (replaces_code_id),
        CONSTRAINT fk_codes_session_id_sessions FOREIGN KEY (session_id) REFERENCES sessions (session_id),
        CONSTRAINT fk_codes_person_id_people FOREIGN KEY (person_id) REFERENCES people (person_id),
        CONSTRAINT fk_codes_replaces_code_id_codes FOREIGN KEY (replaces_code_id) REFERENCES codes (code_id),
        CONSTRAINT ck_codes_state CHECK (state IN ('active', 'revoked', 'replaced')),
        CONSTRAINT ck_codes_window CHECK (
            valid_from < valid_until OR (valid_from IS NULL AND valid_until IS NULL)
        )
    )
    """,
    "CREATE UNIQUE INDEX uq_codes_automatic ON codes (session_id) WHERE automatic",
    "CREATE INDEX ix_codes_session_id ON codes (session_id, created_at)",
    "CREATE INDEX ix_codes_folded_lookup ON codes (folded_lookup)",
    """
    CREATE TABLE organisation (
        singleton boolean NOT NULL,
        name text NOT NULL,
        administrator_contact text NOT NULL,
        support_phone text NOT NULL,
        version integer NOT NULL,
        CONSTRAINT pk_organisation PRIMARY KEY (singleton),
        CONSTRAINT ck_organisation_singleton CHECK (singleton)
    )
    """,
    "INSERT INTO organisation VALUES (true, 'Proctorium', '', '', 1)",
)

# Pairs of a table and a column. The value of the column cannot change after it was set.
_SET_ONCE = (
    ("sign_ins", "ended_at"),
    ("refresh_tokens", "used_at"),
    ("courses", "published_at"),
    ("registrations", "completed_at"),
)

_TRIGGERS = (
    """
    CREATE FUNCTION check_code_update() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF (to_jsonb(NEW) - 'state') <> (to_jsonb(OLD) - 'state') THEN
            RAISE EXCEPTION 'only the state of a code can change' USING ERRCODE = 'restrict_violation';
        END IF;
        IF NEW.state <> OLD.state AND (OLD.state, NEW.state) NOT IN (
            ('active', 'replaced'),
            ('active', 'revoked')
        ) THEN
            RAISE EXCEPTION 'a code cannot change from % to %', OLD.state, NEW.state
                USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER check_code_update BEFORE UPDATE ON codes
        FOR EACH ROW EXECUTE FUNCTION check_code_update()
    """,
    """
    CREATE FUNCTION check_session_update() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.state <> OLD.state
            AND (OLD.state IN ('ended', 'cancelled') OR NEW.state = 'scheduled') THEN
            RAISE EXCEPTION 'a session cannot change from % to %', OLD.state, NEW.state
                USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER check_session_update BEFORE UPDATE ON sessions
        FOR EACH ROW EXECUTE FUNCTION check_session_update()
    """,
    """
    CREATE FUNCTION check_sign_in_update() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.stay_signed_in <> OLD.stay_signed_in THEN
            RAISE EXCEPTION 'stay_signed_in of a sign-in cannot change' USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER check_sign_in_update BEFORE UPDATE ON sign_ins
        FOR EACH ROW EXECUTE FUNCTION check_sign_in_update()
    """,
    # Without the lock, two administrators could revoke each other's role concurrently, so that no administrator is
    # left. The operations acquire the same lock.
    """
    CREATE FUNCTION check_last_administrator() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_advisory_xact_lock(hashtextextended('administrators', 0));
        PERFORM 1 FROM people
            WHERE 'administrator' = ANY (roles) AND disabled_at IS NULL AND person_id <> OLD.person_id;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'the last administrator cannot lose the role or be disabled' USING ERRCODE =
            'restrict_violation';
        END IF;
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER check_last_administrator AFTER UPDATE ON people FOR EACH ROW
        WHEN (
            'administrator' = ANY (OLD.roles) AND OLD.disabled_at IS NULL
            AND NOT ('administrator' = ANY (NEW.roles) AND NEW.disabled_at IS NULL)
        )
        EXECUTE FUNCTION check_last_administrator()
    """,
    """
    CREATE FUNCTION check_access_version() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.access_version < OLD.access_version THEN
            RAISE EXCEPTION 'an access version cannot decrease' USING ERRCODE = 'restrict_violation';
        END IF;
        IF NEW.access_version = OLD.access_version
            AND (NOT OLD.roles <@ NEW.roles OR (OLD.disabled_at IS NULL AND NEW.disabled_at IS NOT NULL)) THEN
            RAISE EXCEPTION 'revoking a right needs a new access version'
                USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER check_access_version BEFORE UPDATE ON people
        FOR EACH ROW EXECUTE FUNCTION check_access_version()
    """,
)


def upgrade() -> None:
    create_common_tables()
    create_page_token_keys()
    create_revocations()
    for statement in _TABLES:
        op.execute(statement)
    for table, column in _SET_ONCE:
        _forbid_changes_once_set(table, column)
    for statement in _TRIGGERS:
        op.execute(statement)
    forbid_changes("person_changes")


def _forbid_changes_once_set(table: str, column: str) -> None:
    """Create a trigger that refuses to change or clear `column` of `table` after the column was set."""
    name = f"check_{table}_{column}"
    op.execute(
        f"""
        CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION '{table}.{column} is set and cannot change' USING ERRCODE = 'restrict_violation';
        END $$
        """
    )
    op.execute(
        f"""
        CREATE TRIGGER {name} BEFORE UPDATE ON {table} FOR EACH ROW
            WHEN (OLD.{column} IS NOT NULL AND NEW.{column} IS DISTINCT FROM OLD.{column})
            EXECUTE FUNCTION {name}()
        """
    )
