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

Services also use this convention for their own tables: `MetaData(naming_convention=NAMING)`.
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
    # A block range index (BRIN) is small. It is sufficient to find old rows, because rows are inserted in the order of
    # `occurred_at`.
    Index("ix_outbox_occurred_at", "occurred_at", postgresql_using="brin"),
)
"""The events of the service. Each event is inserted in the transaction of the change that caused the event.

Published events are stored until they are purged by the retention policy, so that `replay` can publish them again.
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
"""The ids of handled events. An id is inserted in the handler's transaction, so that no event is handled twice."""

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
"""Events that could not be handled, with the error.

`resolved_at` is null until a later try to handle the event succeeds.
"""

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("caller", Text, nullable=False),
    Column("method", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("request_digest", LargeBinary, nullable=False),
    # `response` is null only within the transaction that inserts the row.
    Column("response", LargeBinary),
    Column("created_at", _TIME, nullable=False),
    PrimaryKeyConstraint("caller", "method", "request_id"),
    Index("ix_idempotency_keys_created_at", "created_at", postgresql_using="brin"),
)
"""The idempotency keys and the responses of requests, so that a repeated request returns the first response."""

signing_keys = Table(
    "signing_keys",
    metadata,
    Column("key_id", Text, primary_key=True),
    Column("public_key", LargeBinary, nullable=False),
    # `encrypted_seed` is the encrypted private key. Only the service that signs tokens has one. It is null in all other
    # services.
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
"""One row with the key that signs page tokens (`storage/pages.py`), so that no forged sort key reaches a query."""

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

A row is stored until all tokens that the revocation affects have expired. The person's tokens with an access version
below `refused_before` are refused. The person's tokens with an access version below `roles_before` give at most the
roles in `roles`.
"""
