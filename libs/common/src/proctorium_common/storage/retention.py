"""Purge old rows of the common tables according to a retention policy, in small transactions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import ColumnElement, Table, and_, delete, func, literal_column, select

from proctorium_common.storage.database import Database
from proctorium_common.storage.tables import (
    dead_letters,
    idempotency_keys,
    inbox,
    outbox,
    revocations,
)

_BATCH_SIZE = 5_000
"""The maximum number of rows that one transaction purges. It is small, so that other transactions wait only briefly."""


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """The durations for which the rows of each table are stored.

    Raises ValueError if `inbox` is not longer than `outbox`. Otherwise an event could be replayed after its inbox row
    was purged, and would be handled twice.
    """

    outbox: timedelta = timedelta(days=7)
    inbox: timedelta = timedelta(days=30)
    idempotency_keys: timedelta = timedelta(days=2)
    resolved_dead_letters: timedelta = timedelta(days=90)
    # `revocations` is far longer than the lifetime of an access token. When a revocation is purged, all tokens that it
    # affects have therefore expired.
    revocations: timedelta = timedelta(days=1)

    def __post_init__(self) -> None:
        if self.inbox <= self.outbox:
            raise ValueError(
                "the inbox must be stored longer than the outbox, or replayed events are handled twice"
            )


@dataclass(frozen=True, slots=True)
class PurgedRows:
    """The number of rows that were purged from each table."""

    outbox: int
    inbox: int
    idempotency_keys: int
    dead_letters: int
    revocations: int


async def purge(database: Database, policy: RetentionPolicy | None = None) -> PurgedRows:
    """Purge old rows according to `policy`, and return the number of purged rows of each table.

    Unpublished events and unresolved dead letters are never purged.
    """
    policy = policy or RetentionPolicy()
    async with database.transaction() as transaction:
        now = transaction.now
    before_outbox = now - policy.outbox
    return PurgedRows(
        outbox=await _purge(
            database,
            outbox,
            # The condition on `occurred_at` does not change the result, but allows PostgreSQL to use the index on
            # `occurred_at`.
            and_(outbox.c.occurred_at < before_outbox, outbox.c.published_at < before_outbox),
        ),
        inbox=await _purge(database, inbox, inbox.c.handled_at < now - policy.inbox),
        idempotency_keys=await _purge(
            database,
            idempotency_keys,
            idempotency_keys.c.created_at < now - policy.idempotency_keys,
        ),
        dead_letters=await _purge(
            database,
            dead_letters,
            dead_letters.c.resolved_at < now - policy.resolved_dead_letters,
        ),
        revocations=await _purge(
            database, revocations, revocations.c.changed_at < now - policy.revocations
        ),
    )


async def _purge(database: Database, table: Table, old: ColumnElement[bool]) -> int:
    row: ColumnElement[object] = literal_column(f"{table.name}.ctid")
    batch = select(row).where(old).limit(_BATCH_SIZE).with_for_update(skip_locked=True)
    # With an array, PostgreSQL reads the rows directly by their ctid, instead of joining two scans of the table.
    row_ids = func.array(batch.scalar_subquery())
    purged = 0
    while True:
        async with database.transaction() as transaction:
            result = await transaction.execute(delete(table).where(row == func.any(row_ids)))
        purged += result.rowcount
        if result.rowcount < _BATCH_SIZE:
            return purged
