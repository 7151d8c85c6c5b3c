"""The log of accesses to session records; rows are only ever added."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, tuple_
from sqlalchemy.dialects.postgresql import insert

from proctorium_common.storage.database import Transaction
from proctorium_session.domain.session_states import Mover
from proctorium_session.storage.tables import record_accesses


@dataclass(frozen=True, slots=True)
class Access:
    """One person's accesses to a record in one minute."""

    minute: datetime
    read_by: UUID
    read_as: Mover


async def add(tx: Transaction, session_id: UUID, read_by: UUID, read_as: Mover) -> None:
    """Log an access to the record; further ones in the same minute add nothing."""
    added = insert(record_accesses).values(
        session_id=session_id,
        minute=tx.now.replace(second=0, microsecond=0),
        read_by=read_by,
        read_as=read_as,
    )
    await tx.execute(added.on_conflict_do_nothing())


async def page(
    tx: Transaction, session_id: UUID, *, before: tuple[datetime, UUID, str] | None, limit: int
) -> list[Access]:
    """Return accesses, newest first, from the one after `before`."""
    columns = record_accesses.c
    key = (columns.minute, columns.read_by, columns.read_as)
    statement = (
        select(*key)
        .where(columns.session_id == session_id)
        .order_by(*(column.desc() for column in key))
        .limit(limit)
    )
    if before is not None:
        statement = statement.where(tuple_(*key) < tuple_(*before))
    return [
        Access(row.minute, row.read_by, Mover(row.read_as)) for row in await tx.execute(statement)
    ]
