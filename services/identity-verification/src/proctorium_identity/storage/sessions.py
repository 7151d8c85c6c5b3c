"""What is known of sessions: a projection of their events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import exists, func, select
from sqlalchemy.dialects.postgresql import insert

from proctorium_common.storage.database import Transaction
from proctorium_identity.storage.tables import removed_participants, sessions


@dataclass(frozen=True, slots=True)
class KnownSession:
    """A session as far as its events have come."""

    session_id: UUID
    proctors: frozenset[UUID]
    ended_at: datetime | None


async def lock_session(tx: Transaction, session_id: UUID) -> KnownSession:
    """The session's row, made where it is missing, locked until the transaction ends."""
    await tx.execute(insert(sessions).values(session_id=session_id).on_conflict_do_nothing())
    found = await tx.execute(
        select(sessions).where(sessions.c.session_id == session_id).with_for_update()
    )
    row = found.one()
    return KnownSession(row.session_id, frozenset(row.proctor_ids or ()), row.ended_at)


async def proctors_of(tx: Transaction, session_id: UUID) -> frozenset[UUID]:
    """Who supervises the session; nobody where it is not known (yet)."""
    found = await tx.execute(
        select(sessions.c.proctor_ids).where(sessions.c.session_id == session_id)
    )
    return frozenset(found.scalar_one_or_none() or ())


async def ended_at(tx: Transaction, session_id: UUID) -> datetime | None:
    """Return when the session ended; None while it lives, or is not known."""
    found = await tx.execute(select(sessions.c.ended_at).where(sessions.c.session_id == session_id))
    return found.scalar_one_or_none()


async def save_proctors(tx: Transaction, session_id: UUID, proctor_ids: Sequence[UUID]) -> None:
    """Sets who supervises the session."""
    adding = insert(sessions).values(session_id=session_id, proctor_ids=list(proctor_ids))
    await tx.execute(
        adding.on_conflict_do_update(
            index_elements=[sessions.c.session_id],
            set_={"proctor_ids": adding.excluded.proctor_ids},
        )
    )


async def save_end(tx: Transaction, session_id: UUID, ended_at: datetime) -> None:
    """Notes that the session is over; the first end stays."""
    adding = insert(sessions).values(session_id=session_id, ended_at=ended_at)
    await tx.execute(
        adding.on_conflict_do_update(
            index_elements=[sessions.c.session_id],
            set_={"ended_at": func.coalesce(sessions.c.ended_at, adding.excluded.ended_at)},
        )
    )


async def save_removal(tx: Transaction, participant_id: UUID) -> None:
    """Note that a participant was removed from their session."""
    adding = insert(removed_participants).values(participant_id=participant_id)
    await tx.execute(adding.on_conflict_do_nothing())


async def is_removed(tx: Transaction, participant_id: UUID) -> bool:
    """Return whether the participant was removed from their session."""
    found = await tx.execute(
        select(exists().where(removed_participants.c.participant_id == participant_id))
    )
    return found.scalar_one()
