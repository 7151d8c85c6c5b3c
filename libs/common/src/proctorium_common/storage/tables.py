"""The tables that every service has in addition to its own tables. The functions of `schema.py` create them."""

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
"""The naming convention of constraints and indexes.

Services use it for their own tables too: `MetaData(naming_convention=NAMING)`.
"""

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
    # Rows are inserted in the order of time, so a block range index, which is small, is sufficient to find old rows.
    Index("ix_outbox_occurred_at", "occurred_at", postgresql_using="brin"),
)
"""Events, written in the same transaction as the change that caused them.

Published rows are stored until the retention policy purges them, so that `replay` can publish them again.
"""

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
"""Events that could not be handled, with the error. They are unresolved until they are handled successfully."""

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("caller", Text, nullable=False),
    Column("method", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("request_digest", LargeBinary, nullable=False),
    # The response is null only within the transaction that creates it.
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
    # This is the encrypted private key. Only the service that signs tokens stores it.
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
"""The key that signs page tokens (`storage/pages.py`), so that no forged sort key reaches a query."""

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
"""The revocations of people's tokens (`storage/revocations.py`).

A row is stored until all tokens that it affects have expired. A person's tokens with an access version below
`refused_before` are refused. Tokens with an access version below `roles_before` give at most the roles in `roles`.
"""
