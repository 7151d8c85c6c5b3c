"""Planning sessions and calling them off (`S1`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from proctorium_access.certifications import store_missing_certifications
from proctorium_common.ids import new_id
from proctorium_common.rpc.caller import Caller
from proctorium_common.storage.database import Transaction
from proctorium_common.telemetry.traces import annotate
from proctorium_session.domain.refusals import no_session
from proctorium_session.domain.schedule import (
    Assessment,
    Course,
    check_assessments,
    check_certifications,
    check_course,
    check_known,
    check_overlap,
    check_people,
    check_start,
)
from proctorium_session.domain.session_states import Mover, SessionMove
from proctorium_session.domain.sessions import Plan, Session, moved, planned
from proctorium_session.operations import announcements
from proctorium_session.operations.access import person_of
from proctorium_session.operations.recording import Happened, change
from proctorium_session.storage import participants, proctors, sessions


@dataclass(frozen=True, slots=True)
class Said:
    """The responses of the other services.

    From enrollment: the course, when the proctors' certifications end, and which learners do not exist. From assessment: which of the plan's
    assessments exist.
    """

    course: Course | None
    certified_until: Mapping[UUID, datetime]
    unknown: Sequence[UUID]
    assessments: Mapping[UUID, Assessment]


async def schedule(
    tx: Transaction,
    caller: Caller,
    plan: Plan,
    learner_ids: Sequence[UUID],
    said: Said,
) -> Session:
    """Plan a session; `said` are the other services' responses about the plan's course, assessments, proctors and learners.

    Raises START_TIME_IN_PAST, START_TIME_TOO_FAR_AHEAD, INVALID_REQUEST (somebody both a proctor and a learner), TOO_MANY_LEARNERS, COURSE_UNKNOWN, COURSE_NOT_PUBLISHED,
    ASSESSMENT_NOT_IN_COURSE, ASSESSMENT_UNKNOWN, ASSESSMENT_NOT_PUBLISHED, PROCTOR_NOT_CERTIFIED, LEARNER_UNKNOWN, PROCTOR_OVERLAP.
    """
    check_start(plan, tx.now)
    check_people(plan, learner_ids)
    check_course(plan, said.course)
    check_assessments(plan, said.assessments)
    check_certifications(plan, said.certified_until)
    check_known(said.unknown)
    await proctors.reserve(tx, plan.proctor_ids)
    engaged = await proctors.engagements(tx, plan.proctor_ids, plan.start_time, plan.planned_end)
    check_overlap(plan, engaged)
    await store_missing_certifications(tx, said.certified_until)
    session = planned(new_id(), plan)
    annotate(session_id=session.session_id)
    await sessions.plan(tx, session, learner_ids)
    scheduled = announcements.scheduled(session, learner_ids)
    return await change(tx, session, [Happened(scheduled, person_of(caller))])


async def cancel(tx: Transaction, caller: Caller, session_id: UUID) -> Session:
    """Calls a session off that has not started. Raises NOT_FOUND, INVALID_STATE_TRANSITION."""
    session = await sessions.lock(tx, session_id)
    if session is None:
        raise no_session()
    after = moved(session, SessionMove.CANCEL, tx.now, person_of(caller))
    if after is None:
        return session
    concerned = await _concerned(tx, session)
    cancelled = announcements.cancelled(after, concerned, Mover.ADMINISTRATOR)
    await participants.close(tx, session_id, {}, session.next_revision)
    return await change(tx, after, [Happened(cancelled, person_of(caller))])


async def invite(tx: Transaction, session_id: UUID, person_ids: Sequence[UUID]) -> None:
    """Invite learners to a session, up to the number of its free places that no invited learner needs.

    Does nothing if the session is over, and skips its proctors and learners who are already invited or have joined.
    """
    session = await sessions.lock(tx, session_id)
    if session is None or session.state.over:
        return
    absent = set(await sessions.absent_learner_ids(tx, session_id))
    joined = {each.participant.person_id for each in await participants.of_session(tx, session_id)}
    known = absent | joined | set(session.plan.proctor_ids)
    newcomers = [each for each in dict.fromkeys(person_ids) if each not in known]
    places = session.plan.capacity - len(joined) - len(absent)
    if invited := newcomers[: max(0, places)]:
        await sessions.invite(tx, session_id, invited)
        await change(tx, session)


async def _concerned(tx: Transaction, session: Session) -> list[UUID]:
    """Whom to tell: expected learners, proctors, and who has come to the lobby."""
    waiting = await participants.of_session(tx, session.session_id)
    return sorted(
        {
            *await sessions.learner_ids(tx, session.session_id),
            *session.plan.proctor_ids,
            *(each.participant.person_id for each in waiting),
        }
    )
