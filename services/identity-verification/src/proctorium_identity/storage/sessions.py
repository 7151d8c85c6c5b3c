"""Queries of the session data that identity verification stores from the events of session orchestration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from proctorium_common.storage.database import Transaction
from proctorium_identity.storage.tables import sessions


@dataclass(frozen=True, slots=True)
class Session:
    """A session. `proctor_ids` is empty until SessionScheduled is handled, because events arrive in any order."""

    session_id: UUID
    proctor_ids: frozenset[UUID] = frozenset()
    ended_at: datetime | None = None


async def get_session(tx: Transaction, session_id: UUID) -> Session:
    """Return the session. The session has no proctors and no end if none of its events was handled yet."""
    rows = await tx.execute(select(sessions).where(sessions.c.session_id == session_id))
    row = rows.one_or_none()
    if row is None:
        return Session(session_id)
    return Session(session_id, frozenset(row.proctor_ids or ()), row.ended_at)


async def lock_session(tx: Transaction, session_id: UUID) -> Session:
    """Insert the row of the session if it is missing, lock the row, and return the session."""
    await tx.execute(insert(sessions).values(session_id=session_id).on_conflict_do_nothing())
    rows = await tx.execute(
        select(sessions).where(sessions.c.session_id == session_id).with_for_update()
    )
    row = rows.one()
    return Session(session_id, frozenset(row.proctor_ids or ()), row.ended_at)


async def upsert_proctors(
    tx: Transaction, session_id: UUID, proctor_ids: Sequence[UUID], *, position: int
) -> None:
    """Set the proctors of the session from the event at `position`, unless a later event has set them."""
    new = insert(sessions).values(
        session_id=session_id, proctor_ids=list(proctor_ids), proctors_position=position
    )
    await tx.execute(
        new.on_conflict_do_update(
            index_elements=[sessions.c.session_id],
            set_={
                "proctor_ids": new.excluded.proctor_ids,
                "proctors_position": new.excluded.proctors_position,
            },
            where=sessions.c.proctors_position < new.excluded.proctors_position,
        )
    )


async def upsert_end(
    tx: Transaction, session_id: UUID, ended_at: datetime | None, *, position: int
) -> bool:
    """Store the end of the session, or None if it was reopened. Return False if a later end or reopening is stored.

    `position` is the position of the event.
    """
    new = insert(sessions).values(session_id=session_id, ended_at=ended_at, end_position=position)
    rows = await tx.execute(
        new.on_conflict_do_update(
            index_elements=[sessions.c.session_id],
            set_={
                "ended_at": new.excluded.ended_at,
                "end_position": new.excluded.end_position,
            },
            where=sessions.c.end_position < new.excluded.end_position,
        ).returning(sessions.c.session_id)
    )
    return rows.first() is not None
