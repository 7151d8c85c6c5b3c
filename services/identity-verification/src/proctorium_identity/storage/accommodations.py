"""Queries of the accommodations that identity verification stores from the events of enrollment."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert

from proctorium_common.storage.database import Transaction
from proctorium_identity.storage.tables import accommodations


async def lock_accommodation(tx: Transaction, person_id: UUID) -> bool:
    """Lock the row of the person, and return whether the person's identity is checked without images.

    The row is inserted if it is missing. Therefore no event about the person's accommodations is handled at the same
    time as a transaction that opens a case of the person.
    """
    await tx.execute(insert(accommodations).values(person_id=person_id).on_conflict_do_nothing())
    rows = await tx.execute(
        select(accommodations.c.alternative_identity_check)
        .where(accommodations.c.person_id == person_id)
        .with_for_update()
    )
    return bool(rows.scalar_one())


async def list_alternative(tx: Transaction, person_ids: Collection[UUID]) -> frozenset[UUID]:
    """Lock the rows of people, and return the ids of the people whose identity is checked without images."""
    rows = await tx.execute(
        select(accommodations.c.person_id, accommodations.c.alternative_identity_check)
        .where(accommodations.c.person_id.in_(person_ids))
        .order_by(accommodations.c.person_id)
        .with_for_update()
    )
    return frozenset(row.person_id for row in rows if row.alternative_identity_check)


async def update_accommodation(
    tx: Transaction, person_id: UUID, revision: int, *, is_alternative: bool
) -> bool:
    """Store a revision of the person's accommodations, and return whether it is newer than the stored revision.

    The row of the person must be locked.
    """
    rows = await tx.execute(
        update(accommodations)
        .where(accommodations.c.person_id == person_id, accommodations.c.revision < revision)
        .values(revision=revision, alternative_identity_check=is_alternative)
        .returning(accommodations.c.person_id)
    )
    return rows.first() is not None
