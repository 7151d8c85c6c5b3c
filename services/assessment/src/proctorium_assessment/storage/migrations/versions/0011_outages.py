"""Expand the schema: store outages of learners, and the time that they give back."""

from __future__ import annotations

from alembic import op

revision = "0011"
down_revision = "0010"

_STATEMENTS = (
    """
    ALTER TABLE time_events
        DROP CONSTRAINT ck_time_events_kind,
        ADD CONSTRAINT ck_time_events_kind CHECK (kind IN ('paused', 'outage', 'resumed', 'extra_time')),
        DROP CONSTRAINT ck_time_events_stop_limit,
        ADD CONSTRAINT ck_time_events_stop_limit CHECK (
            stop_limit IS NULL
            OR (kind IN ('paused', 'outage') AND participant_id IS NOT NULL AND stop_limit >= interval '0')),
        ADD CONSTRAINT ck_time_events_outage CHECK (kind <> 'outage' OR stop_limit IS NOT NULL)
    """,
    # An outage stops the clock without hiding the questions, so `stopped_until` can be set without `on_break`.
    """
    ALTER TABLE attempts
        DROP CONSTRAINT ck_attempts_stopped_until,
        ADD COLUMN returned_time interval NOT NULL DEFAULT '0',
        ADD CONSTRAINT ck_attempts_returned_time CHECK (returned_time >= interval '0')
    """,
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
