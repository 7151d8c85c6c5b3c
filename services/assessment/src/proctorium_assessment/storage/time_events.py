"""Queries of the entries of time ledgers, and of the numbers of time events.

The entries come from session orchestration's events and never change.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, or_, select
from sqlalchemy.dialects.postgresql import insert

from proctorium_assessment.domain.time_ledger import EntryKind, LedgerEntry
from proctorium_assessment.storage.tables import (
    applied_time_events,
    reopenings,
    time_event_counts,
    time_events,
)
from proctorium_common.storage.database import Transaction


@dataclass(frozen=True, slots=True)
class Reopening:
    """A reopening of a session that had ended at `ended_at`.

    `participant_id` is None if the whole session was reopened.
    """

    reopening_id: UUID
    session_id: UUID
    participant_id: UUID | None
    ended_at: datetime
    reopened_at: datetime


async def insert_entry(
    tx: Transaction, session_id: UUID, participant_id: UUID | None, entry: LedgerEntry
) -> bool:
    """Insert an entry and return True, or return False if the entry is already stored.

    If `participant_id` is None, the entry applies to all participants of the session.
    """
    new = insert(time_events).values(
        entry_id=entry.entry_id,
        kind=entry.kind,
        session_id=session_id,
        participant_id=participant_id,
        at=entry.at,
        amount=entry.amount if entry.kind is EntryKind.EXTRA_TIME else None,
        stop_limit=entry.limit,
        hides_questions=entry.hides_questions,
    )
    inserted = await tx.execute(new.on_conflict_do_nothing().returning(time_events.c.entry_id))
    return inserted.first() is not None


async def get_ended_stop(tx: Transaction, stop_id: UUID) -> tuple[LedgerEntry, datetime] | None:
    """Return the start of the stop and the time of its end, or None unless both are stored."""
    statement = select(time_events).where(time_events.c.entry_id == stop_id)
    rows = {EntryKind(row.kind): row for row in await tx.execute(statement)}
    if EntryKind.PAUSED not in rows or EntryKind.RESUMED not in rows:
        return None
    return _entry(rows[EntryKind.PAUSED]), rows[EntryKind.RESUMED].at


async def list_entries(
    tx: Transaction, session_id: UUID, participant_id: UUID | None = None
) -> Mapping[UUID | None, Sequence[LedgerEntry]]:
    """Return the entries of a session by participant id. The key None has the entries for all participants.

    If `participant_id` is not None, entries for other participants are left out.
    """
    statement = select(time_events).where(time_events.c.session_id == session_id)
    if participant_id is not None:
        own = time_events.c.participant_id
        statement = statement.where(or_(own.is_(None), own == participant_id))
    found: dict[UUID | None, list[LedgerEntry]] = defaultdict(list)
    for row in await tx.execute(statement):
        found[row.participant_id].append(_entry(row))
    return found


async def insert_reopening(tx: Transaction, reopening: Reopening) -> None:
    """Store a reopening, and the stop of the clocks until the reopening. A repeated call changes nothing."""
    new = insert(reopenings).values(
        reopening_id=reopening.reopening_id,
        session_id=reopening.session_id,
        participant_id=reopening.participant_id,
        ended_at=reopening.ended_at,
        reopened_at=reopening.reopened_at,
    )
    await tx.execute(new.on_conflict_do_nothing())
    for kind, at in (
        (EntryKind.PAUSED, reopening.ended_at),
        (EntryKind.RESUMED, reopening.reopened_at),
    ):
        entry = LedgerEntry(reopening.reopening_id, kind, at)
        await insert_entry(tx, reopening.session_id, reopening.participant_id, entry)


async def insert_applied_event(
    tx: Transaction, event_id: UUID, session_id: UUID, participant_id: UUID | None
) -> None:
    """Store that a time event was applied. A repeated call changes nothing.

    If `participant_id` is None, the event concerns all participants of the session.
    """
    new = insert(applied_time_events).values(
        event_id=event_id, session_id=session_id, participant_id=participant_id
    )
    await tx.execute(new.on_conflict_do_nothing())


async def upsert_event_counts(tx: Transaction, counts: Mapping[UUID, int]) -> None:
    """Store the number of time events of each participant, keyed by participant id. A stored number never decreases."""
    if not counts:
        return
    new = insert(time_event_counts)
    greatest = func.greatest(time_event_counts.c.event_count, new.excluded.event_count)
    await tx.execute(
        new.on_conflict_do_update(
            index_elements=[time_event_counts.c.participant_id], set_={"event_count": greatest}
        ),
        [{"participant_id": each, "event_count": count} for each, count in counts.items()],
    )


def _entry(row: Any) -> LedgerEntry:
    return LedgerEntry(
        row.entry_id,
        EntryKind(row.kind),
        row.at,
        row.amount or timedelta(),
        limit=row.stop_limit,
        hides_questions=row.hides_questions,
    )
