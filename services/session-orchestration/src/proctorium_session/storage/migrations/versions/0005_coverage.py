"""Expand the schema: create the columns and the table for the presence of proctors."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"

_STATEMENTS = (
    """
    ALTER TABLE sessions
        ADD COLUMN uncovered_after interval NOT NULL DEFAULT interval '30 seconds',
        ADD COLUMN present_ids uuid[] NOT NULL DEFAULT '{}',
        ADD COLUMN absent_at timestamptz,
        ADD COLUMN uncovered_at timestamptz,
        ADD COLUMN coverage_revision bigint NOT NULL DEFAULT 0,
        ADD CONSTRAINT ck_sessions_uncovered_after
            CHECK (uncovered_after BETWEEN interval '1 second' AND interval '10 minutes'),
        ADD CONSTRAINT ck_sessions_absent CHECK (present_ids = '{}' OR absent_at IS NULL),
        ADD CONSTRAINT ck_sessions_uncovered CHECK (uncovered_at IS NULL OR absent_at IS NOT NULL),
        ADD CONSTRAINT ck_sessions_coverage CHECK (
            state NOT IN ('scheduled', 'ended', 'cancelled') OR present_ids = '{}' AND absent_at IS NULL
        )
    """,
    """
    CREATE INDEX ix_sessions_covered ON sessions (session_id)
        WHERE state NOT IN ('scheduled', 'ended', 'cancelled')
    """,
    "CREATE INDEX ix_sessions_uncovered ON sessions (uncovered_at, session_id) WHERE uncovered_at IS NOT NULL",
    # A trigger clears these columns, because the old version of the service does not clear them when it ends a session.
    """
    CREATE FUNCTION clear_coverage() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        NEW.present_ids := '{}';
        NEW.absent_at := NULL;
        NEW.uncovered_at := NULL;
        RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER clear_coverage BEFORE UPDATE OF state ON sessions
        FOR EACH ROW WHEN (NEW.state IN ('ended', 'cancelled')) EXECUTE FUNCTION clear_coverage()
    """,
    """
    CREATE UNLOGGED TABLE proctor_presence (
        session_id uuid NOT NULL,
        person_id uuid NOT NULL,
        replica_id uuid NOT NULL,
        expires_at timestamptz NOT NULL,
        CONSTRAINT pk_proctor_presence PRIMARY KEY (session_id, person_id, replica_id),
        CONSTRAINT fk_proctor_presence_session_id_sessions
            FOREIGN KEY (session_id) REFERENCES sessions (session_id)
    )
    """,
    "CREATE INDEX ix_proctor_presence_expires_at ON proctor_presence (expires_at)",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
