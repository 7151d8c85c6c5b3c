"""The tables that every service has in addition to its own, created by `migrations.create_common_tables`."""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
"""The naming convention of constraints and indexes, for services too: `MetaData(naming_convention=NAMING)`."""

metadata = MetaData(naming_convention=NAMING)

_TIME = DateTime(timezone=True)

outbox = Table(
    "outbox",
    metadata,
    Column("position", BigInteger, Identity(always=True), primary_key=True),
    Column("event_id", Uuid, nullable=False),
    Column("aggregate", Text, nullable=False),
    Column("aggregate_id", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("headers", JSONB, nullable=False),
    Column("occurred_at", _TIME, nullable=False),
    Column("published_at", _TIME),
    UniqueConstraint("event_id"),
    Index("ix_outbox_unpublished", "position", postgresql_where=text("published_at IS NULL")),
    # Rows are inserted in the order of time, so a small block range index finds the old ones.
    Index("ix_outbox_occurred_at", "occurred_at", postgresql_using="brin"),
)
"""Events, written in the transaction of the change; published rows are stored for some days, for `replay`."""

inbox = Table(
    "inbox",
    metadata,
    Column("consumer", Text, nullable=False),
    Column("event_id", Uuid, nullable=False),
    Column("handled_at", _TIME, nullable=False),
    PrimaryKeyConstraint("consumer", "event_id"),
    Index("ix_inbox_handled_at", "handled_at", postgresql_using="brin"),
)
"""The ids of handled events, written in the handler's transaction, so that no event is handled twice."""

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("consumer", Text, nullable=False),
    Column("event_id", Uuid, nullable=False),
    Column("subject", Text, nullable=False),
    Column("headers", JSONB, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("reason", Text, nullable=False),
    Column("error", Text, nullable=False),
    Column("deliveries", Integer, nullable=False),
    Column("failed_at", _TIME, nullable=False),
    Column("resolved_at", _TIME),
    UniqueConstraint("consumer", "event_id"),
)
"""Events that could not be handled, with the error, until an operator re-drives them."""

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("caller", Text, nullable=False),
    Column("method", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("request_digest", LargeBinary, nullable=False),
    # Null only within the transaction that creates the response.
    Column("response", LargeBinary),
    Column("created_at", _TIME, nullable=False),
    PrimaryKeyConstraint("caller", "method", "request_id"),
    Index("ix_idempotency_keys_created_at", "created_at", postgresql_using="brin"),
)
"""The keys and responses of requests, so that a repeated request returns the same response."""

signing_keys = Table(
    "signing_keys",
    metadata,
    Column("key_id", Text, primary_key=True),
    Column("public_key", LargeBinary, nullable=False),
    # Only in the service that signs tokens, which encrypts it before it is stored.
    Column("encrypted_seed", LargeBinary),
    Column("created_at", _TIME, nullable=False),
    Column("retires_at", _TIME),
)
"""The keys that sign and verify access tokens (`storage/keys.py`)."""

page_token_keys = Table(
    "page_token_keys",
    metadata,
    Column("number", SmallInteger, primary_key=True, autoincrement=False),
    Column("key", LargeBinary, nullable=False),
    CheckConstraint("number = 1", name="only_one"),
)
"""The key that signs page tokens (`storage/pages.py`), so that queries receive no forged sort keys."""

revocations = Table(
    "revocations",
    metadata,
    Column("person_id", Uuid, primary_key=True),
    Column("refused_before", BigInteger, nullable=False),
    Column("roles_before", BigInteger, nullable=False),
    Column("roles", ARRAY(Text), nullable=False),
    Column("changed_at", _TIME, nullable=False),
    Index("ix_revocations_changed_at", "changed_at"),
)
"""Revoked tokens whose signature is valid, until the last of them has expired (`storage/revocations.py`).

Tokens of an access version below `refused_before` are refused; those below `roles_before` carry no more than `roles`.
"""
