"""Purges in small steps: published events, inbox rows, used idempotency keys, revocations of expired tokens."""

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

_AT_ONCE = 5_000
"""Rows in one transaction: few enough that nobody waits for it."""


@dataclass(frozen=True, slots=True)
class Kept:
    """The retention periods. Raises ValueError if an event could be replayed after its inbox row was purged."""

    outbox: timedelta = timedelta(days=7)
    inbox: timedelta = timedelta(days=30)
    idempotency_keys: timedelta = timedelta(days=2)
    resolved_dead_letters: timedelta = timedelta(days=90)
    # Far longer than an access token lives, so no token of before the change is left.
    revocations: timedelta = timedelta(days=1)

    def __post_init__(self) -> None:
        if self.inbox <= self.outbox:
            raise ValueError("the inbox must be kept longer than the outbox, or a replay doubles")


@dataclass(frozen=True, slots=True)
class Removed:
    """How many rows went."""

    outbox: int
    inbox: int
    idempotency_keys: int
    dead_letters: int
    revocations: int


async def clean_up(database: Database, kept: Kept | None = None) -> Removed:
    """Remove what is older than `kept` says. Unpublished events and open dead letters stay, however old."""
    kept = kept or Kept()
    async with database.transaction() as transaction:
        now = transaction.now
    before_outbox = now - kept.outbox
    return Removed(
        outbox=await _remove(
            database,
            outbox,
            # The index is on the time of occurrence, which is never the later of the two.
            and_(outbox.c.occurred_at < before_outbox, outbox.c.published_at < before_outbox),
        ),
        inbox=await _remove(database, inbox, inbox.c.handled_at < now - kept.inbox),
        idempotency_keys=await _remove(
            database,
            idempotency_keys,
            idempotency_keys.c.created_at < now - kept.idempotency_keys,
        ),
        dead_letters=await _remove(
            database,
            dead_letters,
            dead_letters.c.resolved_at < now - kept.resolved_dead_letters,
        ),
        revocations=await _remove(
            database, revocations, revocations.c.changed_at < now - kept.revocations
        ),
    )


async def _remove(database: Database, table: Table, old: ColumnElement[bool]) -> int:
    row: ColumnElement[object] = literal_column(f"{table.name}.ctid")
    some = select(row).where(old).limit(_AT_ONCE).with_for_update(skip_locked=True)
    # As an array: PostgreSQL finds rows by their place directly, instead of joining two reads of the table.
    places = func.array(some.scalar_subquery())
    removed = 0
    while True:
        async with database.transaction() as transaction:
            result = await transaction.execute(delete(table).where(row == func.any(places)))
        removed += result.rowcount
        if result.rowcount < _AT_ONCE:
            return removed
