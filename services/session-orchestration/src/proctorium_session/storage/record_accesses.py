"""Queries of the access log of session records. Rows are only inserted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, tuple_
from sqlalchemy.dialects.postgresql import insert

from proctorium_common.storage.database import Transaction
from proctorium_session.domain.sessions import ActingRole, Actor
from proctorium_session.storage.tables import record_accesses


@dataclass(frozen=True, slots=True)
class RecordAccess:
    """The accesses of one person to a session record within one minute."""

    minute: datetime
    accessed_by: UUID
    acting_role: ActingRole


async def insert_access(tx: Transaction, session_id: UUID, actor: Actor) -> None:
    """Insert an access to the session record.

    Does nothing if an access of the person in the same role is stored for the same minute.
    """
    new = insert(record_accesses).values(
        session_id=session_id,
        minute=tx.now.replace(second=0, microsecond=0),
        accessed_by=actor.person_id,
        acting_role=actor.role,
    )
    await tx.execute(new.on_conflict_do_nothing())


async def list_accesses(
    tx: Transaction, session_id: UUID, *, before: tuple[datetime, UUID, str] | None, limit: int
) -> list[RecordAccess]:
    """Return at most `limit` accesses to a session record, newest first.

    If `before` is not None, all returned accesses are older than the access with this minute, person and role.
    """
    columns = record_accesses.c
    key = (columns.minute, columns.accessed_by, columns.acting_role)
    statement = (
        select(*key)
        .where(columns.session_id == session_id)
        .order_by(*(column.desc() for column in key))
        .limit(limit)
    )
    if before is not None:
        statement = statement.where(tuple_(*key) < tuple_(*before))
    return [
        RecordAccess(row.minute, row.accessed_by, ActingRole(row.acting_role))
        for row in await tx.execute(statement)
    ]
