"""Queries of the sessions and participants that this service stores from session orchestration's events."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import any_, case, func, literal, null, select, update
from sqlalchemy.dialects.postgresql import insert

from proctorium_assessment.storage.tables import (
    ended_participants,
    ready_participants,
    removed_participants,
    sessions,
)
from proctorium_common.storage.database import Transaction


async def upsert_course(tx: Transaction, session_id: UUID, course_id: UUID | None) -> None:
    """Store the course of the session. If the session is already stored, its row is updated."""
    new = insert(sessions).values(session_id=session_id, course_id=course_id, proctor_ids=[])
    await tx.execute(
        new.on_conflict_do_update(
            index_elements=[sessions.c.session_id], set_={"course_id": new.excluded.course_id}
        )
    )


async def upsert_proctors(
    tx: Transaction, session_id: UUID, proctor_ids: Collection[UUID], *, position: int
) -> None:
    """Store the proctors of the session from the event at `position`, unless a later event has set them."""
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


async def upsert_closing(
    tx: Transaction, session_id: UUID, *, is_closing: bool, position: int
) -> None:
    """Store whether the session is closing, unless the stored value comes from a later event.

    `position` is the position of the event to apply.
    """
    new = insert(sessions).values(
        session_id=session_id, proctor_ids=[], closing=is_closing, closing_position=position
    )
    await tx.execute(
        new.on_conflict_do_update(
            index_elements=[sessions.c.session_id],
            set_={
                "closing": new.excluded.closing,
                "closing_position": new.excluded.closing_position,
            },
            where=sessions.c.closing_position < new.excluded.closing_position,
        )
    )


async def is_closing(tx: Transaction, session_id: UUID) -> bool:
    """Return whether the session is closing."""
    statement = select(sessions.c.closing).where(sessions.c.session_id == session_id)
    return bool((await tx.execute(statement)).scalar_one_or_none())


async def lock_session(
    tx: Transaction, session_id: UUID, course_id: UUID | None = None
) -> datetime | None:
    """Lock the row of the session, and return the end of the session. A missing row is inserted first.

    Return None if the session is not over. Every operation that creates, closes or reopens attempts of a session locks
    the row of the session first. So no attempt is created or reopened after the end of the session, or after the
    session was ended for the participant.
    """
    new = insert(sessions).values(session_id=session_id, course_id=course_id, proctor_ids=[])
    ended_at = await tx.execute(
        new.on_conflict_do_update(
            index_elements=[sessions.c.session_id],
            set_={"course_id": func.coalesce(sessions.c.course_id, new.excluded.course_id)},
        ).returning(sessions.c.ended_at)
    )
    end: datetime | None = ended_at.scalar_one()
    return end


async def upsert_end(
    tx: Transaction,
    session_id: UUID,
    course_id: UUID | None,
    ended_at: datetime,
    *,
    held_until: datetime | None,
    time_event_count: int,
    position: int,
) -> bool:
    """Store the end of the session and the number of its time events, and return whether this is the newest end.

    `position` is the position of the event. If a later end or reopening is stored, only the number of the time events
    changes. `held_until` is the time until which the proctors can reopen the session.
    """
    await lock_session(tx, session_id, course_id)
    this = sessions.c.session_id == session_id
    await tx.execute(
        update(sessions)
        .where(this)
        .values(time_event_count=func.greatest(sessions.c.time_event_count, time_event_count))
    )
    is_final = sessions.c.final_position > position
    stored = await tx.execute(
        update(sessions)
        .where(this, sessions.c.end_position < position)
        .values(
            ended_at=ended_at,
            held_until=case(
                (is_final, null()), else_=literal(held_until, sessions.c.held_until.type)
            ),
            end_position=position,
        )
        .returning(sessions.c.session_id)
    )
    return stored.first() is not None


async def clear_end(tx: Transaction, session_id: UUID, *, position: int) -> bool:
    """Store that the session was reopened, and return whether no later end or reopening is stored.

    `position` is the position of the event. The caller has locked the session's row.
    """
    closing = case((sessions.c.closing_position < position, False), else_=sessions.c.closing)
    cleared = await tx.execute(
        update(sessions)
        .where(sessions.c.session_id == session_id, sessions.c.end_position < position)
        .values(ended_at=None, held_until=None, end_position=position, closing=closing)
        .returning(sessions.c.session_id)
    )
    return cleared.first() is not None


async def end_hold(tx: Transaction, session_id: UUID, *, position: int) -> None:
    """Store that the proctors can no longer reopen the session, unless it ended again later.

    `position` is the position of the event. The caller has locked the session's row.
    """
    held_until = case((sessions.c.end_position < position, null()), else_=sessions.c.held_until)
    await tx.execute(
        update(sessions)
        .where(sessions.c.session_id == session_id)
        .values(
            held_until=held_until,
            final_position=func.greatest(sessions.c.final_position, position),
        )
    )


async def is_session_over(tx: Transaction, session_id: UUID) -> bool:
    """Return whether the session is over. A session is over if its end is stored."""
    statement = select(sessions.c.session_id).where(
        sessions.c.session_id == session_id, sessions.c.ended_at.is_not(None)
    )
    return (await tx.execute(statement)).first() is not None


async def get_ends_of_sessions(
    tx: Transaction, session_ids: Collection[UUID]
) -> Mapping[UUID, datetime]:
    """Return the end of each session, keyed by session id. A session that is not over is left out."""
    statement = select(sessions.c.session_id, sessions.c.ended_at).where(
        sessions.c.session_id.in_(session_ids), sessions.c.ended_at.is_not(None)
    )
    return {row.session_id: row.ended_at for row in await tx.execute(statement)}


async def list_held_ids(tx: Transaction, session_ids: Collection[UUID]) -> set[UUID]:
    """Return the ids of the sessions that can still be reopened by their proctors."""
    statement = select(sessions.c.session_id).where(
        sessions.c.session_id.in_(session_ids), sessions.c.held_until > tx.now
    )
    return set((await tx.execute(statement)).scalars())


async def is_proctor_of_session(tx: Transaction, session_id: UUID, person_id: UUID) -> bool:
    """Return whether the person is a proctor of the session."""
    statement = select(sessions.c.session_id).where(
        sessions.c.session_id == session_id, literal(person_id) == any_(sessions.c.proctor_ids)
    )
    return (await tx.execute(statement)).first() is not None


async def get_courses_of_sessions(
    tx: Transaction, session_ids: Collection[UUID]
) -> Mapping[UUID, UUID]:
    """Return the id of each session's course, keyed by session id. A session without a known course is left out."""
    statement = select(sessions.c.session_id, sessions.c.course_id).where(
        sessions.c.session_id.in_(session_ids), sessions.c.course_id.is_not(None)
    )
    return {row.session_id: row.course_id for row in await tx.execute(statement)}


async def upsert_ended_participant(
    tx: Transaction, participant_id: UUID, is_ended: bool, *, position: int
) -> bool:
    """Store whether the session is ended for the participant, and return True.

    Return False if the stored value comes from a later event. `position` is the position of the event to apply.
    """
    new = insert(ended_participants).values(
        participant_id=participant_id, is_ended=is_ended, position=position
    )
    stored = await tx.execute(
        new.on_conflict_do_update(
            index_elements=[ended_participants.c.participant_id],
            set_={"is_ended": new.excluded.is_ended, "position": new.excluded.position},
            where=ended_participants.c.position < new.excluded.position,
        ).returning(ended_participants.c.participant_id)
    )
    return stored.first() is not None


async def is_participant_ended(tx: Transaction, participant_id: UUID) -> bool:
    """Return whether the session was ended for the participant."""
    statement = select(ended_participants.c.participant_id).where(
        ended_participants.c.participant_id == participant_id, ended_participants.c.is_ended
    )
    return (await tx.execute(statement)).first() is not None


async def list_ended_ids(tx: Transaction, participant_ids: Collection[UUID]) -> set[UUID]:
    """Return the ids of those participants for whom the session was ended."""
    statement = select(ended_participants.c.participant_id).where(
        ended_participants.c.participant_id.in_(participant_ids), ended_participants.c.is_ended
    )
    return set((await tx.execute(statement)).scalars())


async def upsert_removal(
    tx: Transaction, participant_id: UUID, is_removed: bool, *, position: int
) -> None:
    """Store whether the participant is removed, unless the stored value comes from a later event.

    `position` is the position of the event to apply.
    """
    new = insert(removed_participants).values(
        participant_id=participant_id, is_removed=is_removed, position=position
    )
    await tx.execute(
        new.on_conflict_do_update(
            index_elements=[removed_participants.c.participant_id],
            set_={"is_removed": new.excluded.is_removed, "position": new.excluded.position},
            where=removed_participants.c.position < new.excluded.position,
        )
    )


async def is_participant_removed(tx: Transaction, participant_id: UUID) -> bool:
    """Return whether the participant is removed."""
    statement = select(removed_participants.c.participant_id).where(
        removed_participants.c.participant_id == participant_id,
        removed_participants.c.is_removed,
    )
    return (await tx.execute(statement)).first() is not None


async def list_removed_ids(tx: Transaction, participant_ids: Collection[UUID]) -> set[UUID]:
    """Return the ids of those participants who are removed."""
    statement = select(removed_participants.c.participant_id).where(
        removed_participants.c.participant_id.in_(participant_ids),
        removed_participants.c.is_removed,
    )
    return set((await tx.execute(statement)).scalars())


async def insert_ready_participant(tx: Transaction, participant_id: UUID) -> None:
    """Store that the participant meets the session's policy. A repeated call changes nothing."""
    new = insert(ready_participants).values(participant_id=participant_id)
    await tx.execute(new.on_conflict_do_nothing())


async def is_participant_ready(tx: Transaction, participant_id: UUID) -> bool:
    """Return whether the participant meets the session's policy for an assessment."""
    statement = select(ready_participants.c.participant_id).where(
        ready_participants.c.participant_id == participant_id
    )
    return (await tx.execute(statement)).first() is not None
