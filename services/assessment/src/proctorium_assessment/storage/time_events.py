"""Queries of the entries of time ledgers. The entries come from session orchestration's events and never change."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.dialects.postgresql import insert

from proctorium_assessment.domain.time_ledger import EntryKind, LedgerEntry
from proctorium_assessment.storage.tables import time_events
from proctorium_common.storage.database import Transaction


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
        found[row.participant_id].append(
            LedgerEntry(
                row.entry_id,
                EntryKind(row.kind),
                row.at,
                row.amount or timedelta(),
                limit=row.stop_limit,
                hides_questions=row.hides_questions,
            )
        )
    return found
