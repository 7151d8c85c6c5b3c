"""Expand the schema: store whether the questions stay visible during a stop."""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"

_STATEMENTS = (
    """
    ALTER TABLE time_events
        ADD COLUMN hides_questions boolean NOT NULL DEFAULT true,
        ADD CONSTRAINT ck_time_events_hides_questions CHECK (hides_questions OR kind = 'paused')
    """,
    # An old version of the service does not write this column, so no constraint combines it with an old column.
    "ALTER TABLE attempts ADD COLUMN questions_shown boolean NOT NULL DEFAULT false",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
