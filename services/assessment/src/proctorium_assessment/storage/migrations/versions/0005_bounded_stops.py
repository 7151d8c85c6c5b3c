"""Expand the schema: store the limits of stops, and the breaks of attempts."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"

_STATEMENTS = (
    """
    ALTER TABLE time_events
        ADD COLUMN stop_limit interval,
        ADD CONSTRAINT ck_time_events_stop_limit CHECK (
            stop_limit IS NULL OR (kind = 'paused' AND participant_id IS NOT NULL AND stop_limit >= interval '0'))
    """,
    # The questions of an attempt are hidden while it is paused or on a break. An old version of the service does not
    # write the new columns, so no constraint combines `on_break` with an old column.
    """
    ALTER TABLE attempts
        ADD COLUMN stopped_until timestamptz,
        ADD COLUMN on_break boolean NOT NULL DEFAULT false,
        ADD CONSTRAINT ck_attempts_stopped_until CHECK (stopped_until IS NULL OR on_break)
    """,
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
