"""The history of people's rights in the database."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import insert, select

from proctorium_common.storage.database import Transaction
from proctorium_enrollment.domain.people import Role
from proctorium_enrollment.domain.rights import Change, ChangeKind
from proctorium_enrollment.storage.tables import person_changes as table


async def insert_change(tx: Transaction, change: Change) -> None:
    """Insert an entry into the history of a person's rights."""
    await tx.execute(
        insert(table).values(
            change_id=change.change_id,
            person_id=change.person_id,
            kind=change.kind,
            changed_at=change.changed_at,
            changed_by=change.changed_by,
            role=change.role,
            previous_certified_until=change.previous_certified_until,
            certified_until=change.certified_until,
            reason=change.reason,
        )
    )


async def list_changes(
    tx: Transaction, person_id: UUID, before: UUID | None, limit: int
) -> Sequence[Change]:
    """Return at most `limit` entries of the history of a person's rights, newest first.

    If `before` is not None, all returned entries are older than the entry with this ID.
    """
    statement = (
        select(table)
        .where(table.c.person_id == person_id)
        .order_by(table.c.change_id.desc())
        .limit(limit)
    )
    if before is not None:
        statement = statement.where(table.c.change_id < before)
    return [
        Change(
            change_id=row.change_id,
            person_id=row.person_id,
            kind=ChangeKind(row.kind),
            changed_at=row.changed_at,
            changed_by=row.changed_by,
            role=None if row.role is None else Role(row.role),
            previous_certified_until=row.previous_certified_until,
            certified_until=row.certified_until,
            reason=row.reason,
        )
        for row in await tx.execute(statement)
    ]
