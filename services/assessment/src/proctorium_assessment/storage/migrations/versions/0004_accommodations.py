"""Expand the schema: create the table of accommodations, and store the extra time of accommodations in attempts."""

from __future__ import annotations

from alembic import op

from proctorium_common.storage.migrations import forbid_changes

revision = "0004"
down_revision = "0003"

_STATEMENTS = (
    """
    CREATE TABLE accommodations (
        person_id uuid NOT NULL,
        revision integer NOT NULL,
        entry_id uuid NOT NULL,
        at timestamptz NOT NULL,
        extra_time_percent integer NOT NULL,
        CONSTRAINT pk_accommodations PRIMARY KEY (person_id, revision),
        CONSTRAINT ck_accommodations_extra_time_percent CHECK (extra_time_percent BETWEEN 0 AND 200)
    )
    """,
    "ALTER TABLE attempts ADD COLUMN extra_time_percent integer NOT NULL DEFAULT 0",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
    forbid_changes("accommodations")
