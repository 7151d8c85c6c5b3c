"""Expand the schema: create the table in which each row is a revision of a person's accommodations."""

from __future__ import annotations

from alembic import op

from proctorium_common.storage.migrations import forbid_changes

revision = "0002"
down_revision = "0001"

_STATEMENTS = (
    """
    CREATE TABLE accommodation_revisions (
        person_id uuid NOT NULL,
        revision integer NOT NULL,
        extra_time_percent integer NOT NULL,
        assistive_technology text NOT NULL,
        proctor_note text NOT NULL,
        written_by uuid NOT NULL,
        written_at timestamptz NOT NULL,
        CONSTRAINT pk_accommodation_revisions PRIMARY KEY (person_id, revision),
        CONSTRAINT fk_accommodation_revisions_person_id_people
            FOREIGN KEY (person_id) REFERENCES people (person_id),
        CONSTRAINT ck_accommodation_revisions_revision CHECK (revision BETWEEN 1 AND 100),
        CONSTRAINT ck_accommodation_revisions_extra_time_percent CHECK (extra_time_percent BETWEEN 0 AND 200),
        CONSTRAINT ck_accommodation_revisions_assistive_technology CHECK (length(assistive_technology) <= 1000),
        CONSTRAINT ck_accommodation_revisions_proctor_note CHECK (length(proctor_note) <= 500)
    )
    """,
    # Refuse a revision if the revision before it is not stored.
    """
    CREATE FUNCTION check_accommodation_revision() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.revision <> 1 AND NOT EXISTS (
            SELECT FROM accommodation_revisions r
            WHERE r.person_id = NEW.person_id AND r.revision = NEW.revision - 1
        ) THEN
            RAISE EXCEPTION 'revision % of the accommodations has no revision before it', NEW.revision
                USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER check_accommodation_revision BEFORE INSERT ON accommodation_revisions
        FOR EACH ROW EXECUTE FUNCTION check_accommodation_revision()
    """,
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
    forbid_changes("accommodation_revisions")
