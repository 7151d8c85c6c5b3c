"""Expand: revoked tokens, disabled accounts, access versions, and the history of people's rights."""

from __future__ import annotations

from alembic import op

from proctorium_common.storage.schema import create_revocations, forbid_changes

revision = "0008"
down_revision = "0007"

_STATEMENTS = (
    "ALTER TABLE people ADD COLUMN disabled_at timestamptz",
    "ALTER TABLE people ADD COLUMN access_version bigint NOT NULL DEFAULT 0",
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
    # The lock keeps two administrators from demoting each other at once; the operations take it first.
    """
    CREATE FUNCTION guard_last_administrator() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_advisory_xact_lock(hashtextextended('administrators', 0));
        PERFORM 1 FROM people
            WHERE 'administrator' = ANY (roles) AND disabled_at IS NULL AND person_id <> OLD.person_id;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'the last administrator stays one' USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER guard_last_administrator AFTER UPDATE ON people FOR EACH ROW
        WHEN (
            'administrator' = ANY (OLD.roles) AND OLD.disabled_at IS NULL
            AND NOT ('administrator' = ANY (NEW.roles) AND NEW.disabled_at IS NULL)
        )
        EXECUTE FUNCTION guard_last_administrator()
    """,
    """
    CREATE FUNCTION guard_access_version() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.access_version < OLD.access_version THEN
            RAISE EXCEPTION 'an access version never falls' USING ERRCODE = 'restrict_violation';
        END IF;
        IF NEW.access_version = OLD.access_version
            AND (NOT OLD.roles <@ NEW.roles OR (OLD.disabled_at IS NULL AND NEW.disabled_at IS NOT NULL)) THEN
            RAISE EXCEPTION 'a right was taken away without a new access version'
                USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER guard_access_version BEFORE UPDATE ON people
        FOR EACH ROW EXECUTE FUNCTION guard_access_version()
    """,
)


def upgrade() -> None:
    create_revocations()
    for statement in _STATEMENTS:
        op.execute(statement)
    forbid_changes("person_changes")
