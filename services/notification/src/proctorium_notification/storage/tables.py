"""The tables of notification."""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Index,
    Integer,
    Interval,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)

from proctorium_common.storage.tables import NAMING

metadata = MetaData(naming_convention=NAMING)

_TIME = DateTime(timezone=True)

sessions = Table(
    "sessions",
    metadata,
    Column("session_id", Uuid, primary_key=True),
    # The event with the plan of a session may arrive after other events. Until it arrives, the columns `title`,
    # `start_at` and `duration` are null.
    Column("title", Text),
    Column("start_at", _TIME),
    Column("duration", Interval),
    Column("cancelled_at", _TIME),
    Column("ended_at", _TIME),
    # The position of the newest event about the end or the reopening of the session.
    Column("end_position", BigInteger, nullable=False, server_default="0"),
    CheckConstraint("num_nulls(title, start_at, duration) IN (0, 3)", name="plan_is_complete"),
)
"""The projection of sessions. A row contains the facts about a session that messages mention, and no personal data."""

session_coverage = Table(
    "session_coverage",
    metadata,
    Column("session_id", Uuid, primary_key=True),
    # The position of the event from which this row was stored.
    Column("position", BigInteger, nullable=False),
    # The id of the event that reported that the session is uncovered, or null if the session is covered or over.
    Column("event_id", Uuid),
    Column("proctor_ids", ARRAY(Uuid), nullable=False),
    # The event and the time of the last alarm about this session.
    Column("announced_event_id", Uuid),
    Column("announced_at", _TIME),
    Index(
        "ix_session_coverage_uncovered",
        "session_id",
        postgresql_where=text(
            "event_id IS NOT NULL AND event_id IS DISTINCT FROM announced_event_id"
        ),
    ),
)
"""The sessions that are or were uncovered, with the people to notify and the last alarm."""

deliveries = Table(
    "deliveries",
    metadata,
    Column("delivery_id", Uuid, primary_key=True),
    Column("person_id", Uuid, nullable=False),
    Column("event_id", Uuid, nullable=False),
    Column("topic", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("session_id", Uuid),
    Column("subject_id", Uuid),
    # `subject_title` is the title of the subject, or empty if the event has no title. It is not personal data.
    Column("subject_title", Text, nullable=False, server_default=""),
    Column("state", Text, nullable=False),
    Column("try_count", Integer, nullable=False, server_default="0"),
    Column("last_error", Text, nullable=False, server_default=""),
    Column("created_at", _TIME, nullable=False),
    Column("next_try_at", _TIME, nullable=False),
    # `lease_token` identifies the claim of a sender. Every update by that sender has the token as a condition.
    Column("lease_token", Uuid),
    Column("leased_until", _TIME),
    # `sender_key` is the key of the advisory lock of the sender that has claimed the delivery (`sender_lock.py`).
    Column("sender_key", BigInteger),
    # `destination` is a number derived from the domain of the mail address (`domain/destinations.py`). It is set if the
    # address was requested and the mail was then released or retried. It is null again after the mail is sent or fails.
    Column("destination", SmallInteger),
    Column("sent_at", _TIME),
    # `read_at` is the time at which a message in the application was read. It is always null for a mail.
    Column("read_at", _TIME),
    # `traceparent` is the trace context of the event that caused the delivery. Sending the mail continues the trace.
    Column("traceparent", Text, nullable=False, server_default=""),
    UniqueConstraint("person_id", "event_id", "channel"),
    CheckConstraint("state IN ('pending', 'sending', 'sent', 'failed', 'in_doubt')", name="state"),
    CheckConstraint("channel IN ('email', 'in_app')", name="channel"),
    CheckConstraint("(state = 'sent') = (sent_at IS NOT NULL)", name="sent_at"),
    CheckConstraint("state <> 'sending' OR lease_token IS NOT NULL", name="sending_has_lease"),
    CheckConstraint("channel = 'in_app' OR read_at IS NULL", name="only_in_app_is_read"),
    CheckConstraint("position('@' in last_error) = 0", name="error_without_address"),
    CheckConstraint("destination BETWEEN 0 AND 1023", name="destination"),
    Index(
        "ix_deliveries_due",
        "next_try_at",
        postgresql_where=text("state = 'pending'"),
    ),
    Index(
        "ix_deliveries_leased",
        "leased_until",
        postgresql_where=text("leased_until IS NOT NULL"),
    ),
    Index("ix_deliveries_unsent", "state", postgresql_where=text("state <> 'sent'")),
    Index("ix_deliveries_created", text("created_at DESC"), text("delivery_id DESC")),
    Index(
        "ix_deliveries_inbox",
        "person_id",
        text("created_at DESC"),
        text("delivery_id DESC"),
        postgresql_where=text("channel = 'in_app'"),
    ),
)
"""A delivery. Each person has at most one delivery for each event and channel.

A trigger allows only valid transitions of the state.
"""
