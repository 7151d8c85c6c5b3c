"""Queries of accommodations. The rows come from enrollment's events and never change."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from proctorium_assessment.domain.time_ledger import EntryKind, LedgerEntry
from proctorium_assessment.storage.tables import accommodations
from proctorium_common.storage.database import Transaction


async def insert_entry(tx: Transaction, person_id: UUID, revision: int, entry: LedgerEntry) -> bool:
    """Insert a revision of a person's accommodations and return True, or return False if it is already stored."""
    new = insert(accommodations).values(
        person_id=person_id,
        revision=revision,
        entry_id=entry.entry_id,
        at=entry.at,
        extra_time_percent=entry.percent,
    )
    inserted = await tx.execute(new.on_conflict_do_nothing().returning(accommodations.c.person_id))
    return inserted.first() is not None


async def list_entries(
    tx: Transaction, person_ids: Collection[UUID]
) -> Mapping[UUID, Sequence[LedgerEntry]]:
    """Return the accommodations of people as ledger entries by person id. People without accommodations are omitted."""
    statement = select(accommodations).where(accommodations.c.person_id.in_(person_ids))
    found: dict[UUID, list[LedgerEntry]] = defaultdict(list)
    for row in await tx.execute(statement):
        entry = LedgerEntry(
            row.entry_id, EntryKind.ACCOMMODATION, row.at, percent=row.extra_time_percent
        )
        found[row.person_id].append(entry)
    return found
