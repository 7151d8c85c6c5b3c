"""What enrollment learns of sessions: their course, times and people, and whether content is open. Events may come in any order."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from proctorium_common.storage.database import Transaction
from proctorium_enrollment.domain.sessions import Part, Session, SessionState, later
from proctorium_enrollment.operations.codes import Codes
from proctorium_enrollment.storage import registrations
from proctorium_enrollment.storage import sessions as storage
from proctorium_enrollment.storage.sessions import Join


@dataclass(frozen=True)
class Plan:
    """A session as it was scheduled."""

    session_id: UUID
    course_id: UUID
    lobby_open_time: datetime
    planned_end_time: datetime
    proctor_ids: Collection[UUID]
    learner_ids: Collection[UUID]
    planned_at: datetime


async def schedule(tx: Transaction, codes: Codes, plan: Plan) -> None:
    """Handle the plan of a session: issue its code (`C1`), and send it to who was registered since it was planned (`C6`)."""
    await storage.lock_course(tx, plan.course_id)
    await storage.lock(tx, plan.session_id)
    await storage.set_course(tx, plan.session_id, plan.course_id)
    await storage.set_times(tx, plan.session_id, plan.lobby_open_time, plan.planned_end_time)
    await storage.expect(tx, plan.session_id, Part.PROCTOR, plan.proctor_ids)
    await storage.expect(tx, plan.session_id, Part.LEARNER, plan.learner_ids)
    session = await storage.lock(tx, plan.session_id)
    await codes.issue_for_schedule(tx, session)
    if session.state.over or plan.planned_end_time <= tx.now:
        return
    for person_id in await registrations.list_people_since(tx, plan.course_id, plan.planned_at):
        await codes.give_to_newcomer(tx, session, person_id)


async def move(
    tx: Transaction, session_id: UUID, state: SessionState, course_id: UUID | None = None
) -> None:
    """Learns that a session has reached a state; one that it has left behind changes nothing."""
    session = await storage.lock(tx, session_id)
    await _learn_course(tx, session, course_id)
    reached = later(session.state, state)
    if reached is not session.state:
        await storage.set_state(tx, session_id, reached)


async def join(tx: Transaction, joins: Sequence[Join]) -> None:
    """Note learners who have joined, without a lock of their sessions' rows."""
    await storage.insert_missing(tx, {each.session_id: each.course_id for each in joins})
    await storage.set_joined(tx, joins)


async def remove(tx: Transaction, session_id: UUID, person_id: UUID) -> None:
    """Learns that a learner was removed; content is closed to them, also when their joining is told later."""
    await storage.lock(tx, session_id)
    await storage.set_removed(tx, session_id, person_id)


async def _learn_course(tx: Transaction, session: Session, course_id: UUID | None) -> None:
    if course_id is not None and session.course_id is None:
        await storage.set_course(tx, session.session_id, course_id)
