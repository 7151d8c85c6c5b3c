"""What is known of sessions: who leads them, whether they are over, who was removed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import any_, func, literal, select
from sqlalchemy.dialects.postgresql import insert

from proctorium_assessment.storage.tables import ready_participants, removed_participants, sessions
from proctorium_common.storage.database import Transaction


async def remember_scheduled(
    tx: Transaction, session_id: UUID, course_id: UUID | None, proctor_ids: Collection[UUID]
) -> None:
    """Keeps whose session it is, whatever is known of it already."""
    added = insert(sessions).values(
        session_id=session_id, course_id=course_id, proctor_ids=list(proctor_ids)
    )
    await tx.execute(
        added.on_conflict_do_update(
            index_elements=[sessions.c.session_id],
            set_={"course_id": added.excluded.course_id, "proctor_ids": added.excluded.proctor_ids},
        )
    )


async def hold(tx: Transaction, session_id: UUID, course_id: UUID | None = None) -> bool:
    """Holds what is known of the session until the transaction ends; whether it is known to be over.

    Whatever changes a session's attempts holds it first: so none is made after the end, or for somebody just removed.
    """
    added = insert(sessions).values(session_id=session_id, course_id=course_id, proctor_ids=[])
    known = await tx.execute(
        added.on_conflict_do_update(
            index_elements=[sessions.c.session_id],
            set_={"course_id": func.coalesce(sessions.c.course_id, added.excluded.course_id)},
        ).returning(sessions.c.ended_at)
    )
    return known.scalar_one() is not None


async def remember_ended(
    tx: Transaction, session_id: UUID, course_id: UUID | None, ended_at: datetime
) -> None:
    """Keeps that it is over; the first time that was said counts."""
    added = insert(sessions).values(
        session_id=session_id, course_id=course_id, proctor_ids=[], ended_at=ended_at
    )
    await tx.execute(
        added.on_conflict_do_update(
            index_elements=[sessions.c.session_id],
            set_={
                "course_id": func.coalesce(sessions.c.course_id, added.excluded.course_id),
                "ended_at": func.coalesce(sessions.c.ended_at, added.excluded.ended_at),
            },
        )
    )


async def is_over(tx: Transaction, session_id: UUID) -> bool:
    """Whether the session's end was told."""
    query = select(sessions.c.session_id).where(
        sessions.c.session_id == session_id, sessions.c.ended_at.is_not(None)
    )
    return (await tx.execute(query)).first() is not None


async def leads(tx: Transaction, session_id: UUID, person_id: UUID) -> bool:
    """Whether the person supervises the session."""
    query = select(sessions.c.session_id).where(
        sessions.c.session_id == session_id, literal(person_id) == any_(sessions.c.proctor_ids)
    )
    return (await tx.execute(query)).first() is not None


async def courses_of(tx: Transaction, session_ids: Collection[UUID]) -> Mapping[UUID, UUID]:
    """The course of each session, where it is known."""
    query = select(sessions.c.session_id, sessions.c.course_id).where(
        sessions.c.session_id.in_(session_ids), sessions.c.course_id.is_not(None)
    )
    return {row.session_id: row.course_id for row in await tx.execute(query)}


async def remember_removed(tx: Transaction, participant_id: UUID) -> None:
    """Keeps that the participant was removed."""
    added = insert(removed_participants).values(participant_id=participant_id, removed_at=tx.now)
    await tx.execute(added.on_conflict_do_nothing())


async def is_removed(tx: Transaction, participant_id: UUID) -> bool:
    """Whether the participant was removed."""
    query = select(removed_participants.c.participant_id).where(
        removed_participants.c.participant_id == participant_id
    )
    return (await tx.execute(query)).first() is not None


async def save_ready(tx: Transaction, participant_id: UUID) -> None:
    """Note that the participant has everything that the session's policy demands before an assessment."""
    added = insert(ready_participants).values(participant_id=participant_id)
    await tx.execute(added.on_conflict_do_nothing())


async def is_ready(tx: Transaction, participant_id: UUID) -> bool:
    """Return whether the participant has everything that the session's policy demands before an assessment."""
    query = select(ready_participants.c.participant_id).where(
        ready_participants.c.participant_id == participant_id
    )
    return (await tx.execute(query)).first() is not None
