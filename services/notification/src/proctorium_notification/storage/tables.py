"""The tables of notification."""

from __future__ import annotations

from sqlalchemy import (
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
    # Null until the session's plan has come: events may arrive in any order.
    Column("title", Text),
    Column("start_at", _TIME),
    Column("duration", Interval),
    Column("cancelled_at", _TIME),
    Column("ended_at", _TIME),
    CheckConstraint("num_nulls(title, start_at, duration) IN (0, 3)", name="plan_is_whole"),
)
"""Projection of sessions: what messages say of them. Nothing personal."""

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
    # The title of what it is about, where the event carried one: nothing personal.
    Column("subject_title", Text, nullable=False, server_default=""),
    Column("state", Text, nullable=False),
    Column("attempt_count", Integer, nullable=False, server_default="0"),
    Column("last_error", Text, nullable=False, server_default=""),
    Column("created_at", _TIME, nullable=False),
    Column("next_attempt_at", _TIME, nullable=False),
    # Whoever is sending it holds the lease; every later write names it.
    Column("lease_token", Uuid),
    Column("leased_until", _TIME),
    # The lock by which that sender is known to live (presence.py).
    Column("sender_key", BigInteger),
    # Of a waiting mail, once its address was looked up: a number derived from the domain (domain/destinations.py).
    Column("destination", SmallInteger),
    Column("sent_at", _TIME),
    # When it was read; for messages in the application only.
    Column("read_at", _TIME),
    # W3C traceparent of the event that caused it, so that the mail is the end of that trace.
    Column("traceparent", Text, nullable=False, server_default=""),
    UniqueConstraint("person_id", "event_id", "channel"),
    CheckConstraint("state IN ('pending', 'sending', 'sent', 'failed', 'in_doubt')", name="state"),
    CheckConstraint("channel IN ('email', 'in_app')", name="channel"),
    CheckConstraint("(state = 'sent') = (sent_at IS NOT NULL)", name="sent_at"),
    CheckConstraint("state <> 'sending' OR lease_token IS NOT NULL", name="sending_is_leased"),
    CheckConstraint("channel = 'in_app' OR read_at IS NULL", name="read_in_app"),
    CheckConstraint("position('@' in last_error) = 0", name="no_address"),
    CheckConstraint("destination BETWEEN 0 AND 1023", name="destination"),
    Index(
        "ix_deliveries_due",
        "next_attempt_at",
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
"""Messages: at most one per person, event and channel. A trigger keeps what was sent from being sent again."""
