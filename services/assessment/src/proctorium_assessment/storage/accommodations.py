"""Queries of accommodations. The rows come from enrollment's events and never change."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
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
    """Return the accommodations of people as ledger entries by person id. People without accommodations are omitted.

    The time of a revision is after the time of the revision before it, although the clocks of enrollment's replicas can
    differ. Therefore the last revision counts.
    """
    statement = (
        select(accommodations)
        .where(accommodations.c.person_id.in_(person_ids))
        .order_by(accommodations.c.person_id, accommodations.c.revision)
    )
    found: dict[UUID, list[LedgerEntry]] = defaultdict(list)
    for row in await tx.execute(statement):
        earlier = found[row.person_id]
        at = max(row.at, earlier[-1].at + timedelta.resolution) if earlier else row.at
        earlier.append(
            LedgerEntry(row.entry_id, EntryKind.ACCOMMODATION, at, percent=row.extra_time_percent)
        )
    return found
