"""Expand the schema: create the tables of incidents and their revisions."""

from __future__ import annotations

from alembic import op

from proctorium_common.storage.migrations import forbid_changes

revision = "0002"
down_revision = "0001"

_STATEMENTS = (
    """
    CREATE TABLE incidents (
        incident_id uuid NOT NULL,
        session_id uuid NOT NULL,
        participant_id uuid,
        CONSTRAINT pk_incidents PRIMARY KEY (incident_id),
        CONSTRAINT fk_incidents_session_id_sessions FOREIGN KEY (session_id) REFERENCES sessions (session_id),
        CONSTRAINT fk_incidents_participant_id_participants
            FOREIGN KEY (participant_id) REFERENCES participants (participant_id)
    )
    """,
    "CREATE INDEX ix_incidents_session_id_incident_id ON incidents (session_id, incident_id)",
    """
    CREATE TABLE incident_revisions (
        incident_id uuid NOT NULL,
        revision integer NOT NULL,
        category_id text NOT NULL,
        severity text NOT NULL,
        note text NOT NULL,
        note_key bytea NOT NULL,
        occurred_at timestamptz NOT NULL,
        written_by uuid NOT NULL,
        acting_role text NOT NULL,
        written_at timestamptz NOT NULL,
        CONSTRAINT pk_incident_revisions PRIMARY KEY (incident_id, revision),
        CONSTRAINT fk_incident_revisions_incident_id_incidents
            FOREIGN KEY (incident_id) REFERENCES incidents (incident_id),
        CONSTRAINT ck_incident_revisions_revision CHECK (revision BETWEEN 1 AND 100),
        CONSTRAINT ck_incident_revisions_severity CHECK (severity IN ('note', 'warning', 'serious')),
        CONSTRAINT ck_incident_revisions_note CHECK (note <> '' AND length(note) <= 2000),
        CONSTRAINT ck_incident_revisions_acting_role CHECK (acting_role IN ('proctor', 'administrator'))
    )
    """,
    # Refuse an incident whose participant belongs to another session, and a revision without the revision before it.
    """
    CREATE FUNCTION check_incident() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.participant_id IS NOT NULL AND NOT EXISTS (
            SELECT FROM participants p
            WHERE p.participant_id = NEW.participant_id AND p.session_id = NEW.session_id
        ) THEN
            RAISE EXCEPTION 'the participant of an incident is in another session'
                USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER check_incident BEFORE INSERT ON incidents
        FOR EACH ROW EXECUTE FUNCTION check_incident()
    """,
    """
    CREATE FUNCTION check_incident_revision() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.revision <> 1 AND NOT EXISTS (
            SELECT FROM incident_revisions r
            WHERE r.incident_id = NEW.incident_id AND r.revision = NEW.revision - 1
        ) THEN
            RAISE EXCEPTION 'revision % of an incident has no revision before it', NEW.revision
                USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER check_incident_revision BEFORE INSERT ON incident_revisions
        FOR EACH ROW EXECUTE FUNCTION check_incident_revision()
    """,
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
    forbid_changes("incidents")
    forbid_changes("incident_revisions")
