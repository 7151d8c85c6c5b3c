"""Storing sessions from the events of session orchestration, which may arrive in any order."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from proctorium_common.storage.database import Transaction
from proctorium_enrollment.domain.sessions import MemberRole, SessionState, latest_state
from proctorium_enrollment.operations.codes import Codes
from proctorium_enrollment.storage import registrations, sessions
from proctorium_enrollment.storage.sessions import Join


@dataclass(frozen=True, slots=True)
class Schedule:
    """The content of the event which reports that a session was scheduled."""

    session_id: UUID
    course_id: UUID
    lobby_open_at: datetime
    planned_end_at: datetime
    proctor_ids: Collection[UUID]
    learner_ids: Collection[UUID]
    scheduled_at: datetime


async def record_schedule(tx: Transaction, codes: Codes, schedule: Schedule) -> None:
    """Store a scheduled session and issue its code (`C1`).

    Learners who were registered in the course after the session was scheduled are invited to the session. They receive
    a code too (`C6`).
    """
    session_id, course_id = schedule.session_id, schedule.course_id
    await sessions.lock_sessions_of_course(tx, course_id)
    await sessions.lock_session(tx, session_id)
    await sessions.update_session_course(tx, session_id, course_id)
    await sessions.update_session_times(
        tx, session_id, schedule.lobby_open_at, schedule.planned_end_at
    )
    await sessions.insert_members(tx, session_id, MemberRole.PROCTOR, schedule.proctor_ids)
    await sessions.insert_members(tx, session_id, MemberRole.LEARNER, schedule.learner_ids)
    session = await sessions.lock_session(tx, session_id)
    await codes.issue_for_schedule(tx, session)
    if session.state.is_over or schedule.planned_end_at <= tx.now:
        return
    for person_id in await registrations.list_learners_registered_after(
        tx, course_id, schedule.scheduled_at
    ):
        await codes.send_to_new_learner(tx, session, person_id)


async def record_proctors(tx: Transaction, session_id: UUID, proctor_ids: Collection[UUID]) -> None:
    """Store the proctors of a session.

    The proctors that are already stored remain, because a session never loses a proctor. An event that arrives late
    therefore changes nothing.
    """
    await sessions.lock_session(tx, session_id)
    await sessions.insert_members(tx, session_id, MemberRole.PROCTOR, proctor_ids)


async def record_state(
    tx: Transaction, session_id: UUID, reported: SessionState, course_id: UUID | None = None
) -> None:
    """Store the state of a session from an event, unless a later state is already stored."""
    session = await sessions.lock_session(tx, session_id)
    if course_id is not None and session.course_id is None:
        await sessions.update_session_course(tx, session_id, course_id)
    state = latest_state(session.state, reported)
    if state is not session.state:
        await sessions.update_session_state(tx, session_id, state)


async def record_end(
    tx: Transaction,
    session_id: UUID,
    reported: SessionState,
    course_id: UUID | None = None,
    *,
    position: int,
) -> None:
    """Store that a session ended, or that it was reopened and is in progress again.

    Nothing changes if the event is older than the newest end or reopening, or if the session was cancelled. `position`
    is the position of the event in its stream.
    """
    session = await sessions.lock_session(tx, session_id)
    if course_id is not None and session.course_id is None:
        await sessions.update_session_course(tx, session_id, course_id)
    if session.state is not SessionState.CANCELLED:
        await sessions.update_session_end(tx, session_id, reported, position=position)


async def record_joins(tx: Transaction, joins: Sequence[Join]) -> None:
    """Store that learners have joined, without locking the rows of their sessions."""
    await sessions.insert_missing_sessions(tx, {each.session_id: each.course_id for each in joins})
    await sessions.set_joined(tx, joins)


async def record_removal(
    tx: Transaction, session_id: UUID, person_id: UUID, *, is_removed: bool, position: int
) -> None:
    """Store whether a learner is removed, unless the stored value comes from a later event.

    `position` is the position of the event in its stream. The content is closed to a removed learner, even if the event
    which reports that the learner joined arrives later. A learner for whom the session was ended is stored as removed.
    """
    await sessions.lock_session(tx, session_id)
    await sessions.set_removed(tx, session_id, person_id, is_removed, position=position)
