"""Queries of accommodations. Each revision of a person's accommodations is a row that never changes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select
from sqlalchemy.dialects.postgresql import distinct_on

from proctorium_common.storage.database import Transaction
from proctorium_enrollment.domain.accommodations import Accommodations
from proctorium_enrollment.storage.tables import accommodation_revisions as table


async def insert_revision(tx: Transaction, revision: Accommodations) -> None:
    """Insert the next revision of a person's accommodations."""
    await tx.execute(
        insert(table).values(
            person_id=revision.person_id,
            revision=revision.revision,
            extra_time_percent=revision.extra_time_percent,
            extra_break_minutes=revision.extra_break_minutes,
            alternative_identity_check=revision.alternative_identity_check,
            assistive_technology=revision.assistive_technology,
            proctor_note=revision.proctor_note,
            written_by=revision.written_by,
            written_at=revision.written_at,
        )
    )


async def get_accommodations(tx: Transaction, person_id: UUID) -> Accommodations:
    """Return the latest revision of a person's accommodations, or revision 0 if they were never changed."""
    found = await list_accommodations(tx, [person_id])
    return found[0] if found else Accommodations(person_id)


async def list_accommodations(
    tx: Transaction, person_ids: Collection[UUID]
) -> Sequence[Accommodations]:
    """Return the latest revisions of the accommodations of people. People without a revision are omitted."""
    statement = (
        select(table)
        .ext(distinct_on(table.c.person_id))
        .where(table.c.person_id.in_(person_ids))
        .order_by(table.c.person_id, table.c.revision.desc())
    )
    return [_accommodations(row) for row in await tx.execute(statement)]


async def list_revisions(tx: Transaction, person_id: UUID) -> Sequence[Accommodations]:
    """Return the revisions of a person's accommodations, newest first."""
    statement = (
        select(table).where(table.c.person_id == person_id).order_by(table.c.revision.desc())
    )
    return [_accommodations(row) for row in await tx.execute(statement)]


def _accommodations(row: Any) -> Accommodations:
    return Accommodations(
        person_id=row.person_id,
        extra_time_percent=row.extra_time_percent,
        extra_break_minutes=row.extra_break_minutes,
        alternative_identity_check=row.alternative_identity_check,
        assistive_technology=row.assistive_technology,
        proctor_note=row.proctor_note,
        revision=row.revision,
        written_by=row.written_by,
        written_at=row.written_at,
    )
