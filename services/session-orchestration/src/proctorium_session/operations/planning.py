"""Planning and cancelling sessions, and inviting learners (`S1`)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TypeVar
from uuid import UUID

from google.protobuf.message import Message

from proctorium_access.certifications import store_missing_certifications
from proctorium_common.ids import new_id
from proctorium_common.rpc.caller import Caller
from proctorium_common.storage.database import Database, Transaction
from proctorium_common.storage.idempotency import Responder
from proctorium_common.telemetry.traces import annotate
from proctorium_session.domain.breaks import require_valid_policy
from proctorium_session.domain.errors import no_session
from proctorium_session.domain.participants import ParticipantView
from proctorium_session.domain.schedule import (
    require_assessments,
    require_certified_proctors,
    require_course,
    require_distinct_people,
    require_existing_learners,
    require_no_overlap,
    require_start_in_range,
)
from proctorium_session.domain.session_states import SessionAction
from proctorium_session.domain.sessions import (
    ActingRole,
    Actor,
    Plan,
    Session,
    VisibleSession,
    apply_action,
    new_session,
)
from proctorium_session.events import session_events
from proctorium_session.operations.assessments import Assessments
from proctorium_session.operations.changes import RecordedEvent, save_change
from proctorium_session.operations.enrollment import Enrollment
from proctorium_session.operations.open_requests import lower_hands
from proctorium_session.operations.queries import with_learners
from proctorium_session.storage import participants, proctors, sessions

M = TypeVar("M", bound=Message)


class SessionPlanning:
    """Plans sessions. Reads courses, people and assessments from other services."""

    def __init__(
        self, database: Database, enrollment: Enrollment, assessments: Assessments
    ) -> None:
        self._database = database
        self._enrollment = enrollment
        self._assessments = assessments

    async def schedule(
        self,
        caller: Caller,
        plan: Plan,
        learner_ids: Sequence[UUID],
        responder: Responder[VisibleSession, M],
    ) -> M:
        """Plan a session.

        Raises START_TIME_IN_PAST, START_TIME_TOO_FAR_AHEAD, INVALID_REQUEST (if a proctor is also a learner),
        TOO_MANY_LEARNERS, COURSE_UNKNOWN, COURSE_NOT_PUBLISHED, ASSESSMENT_NOT_IN_COURSE, ASSESSMENT_UNKNOWN,
        ASSESSMENT_NOT_PUBLISHED, PROCTOR_NOT_CERTIFIED, LEARNER_UNKNOWN, PROCTOR_OVERLAP, DEPENDENCY_UNAVAILABLE.
        """
        course, certified_until, unknown_ids, assessments = await asyncio.gather(
            self._enrollment.course(plan.course_id),
            self._enrollment.certified_until(plan.proctor_ids),
            self._enrollment.unknown_people(learner_ids),
            self._assessments.existing(plan.assessment_ids),
        )

        async def run(tx: Transaction) -> VisibleSession:
            require_start_in_range(plan, tx.now)
            require_valid_policy(plan.break_policy)
            require_distinct_people(plan, learner_ids)
            unit_count = require_course(plan, course).unit_count
            require_assessments(plan, assessments)
            require_certified_proctors(plan, certified_until)
            require_existing_learners(unknown_ids)
            await proctors.lock_proctors(tx, plan.proctor_ids)
            engagements = await proctors.list_engagements(
                tx, plan.proctor_ids, plan.start_time, plan.planned_end
            )
            require_no_overlap(plan, engagements)
            await store_missing_certifications(tx, certified_until)
            session = new_session(new_id(), plan, unit_count)
            annotate(session_id=session.session_id)
            await sessions.insert_session(tx, session, learner_ids)
            scheduled = session_events.session_scheduled(session, learner_ids)
            event = RecordedEvent(scheduled, caller.require_person())
            session = await save_change(tx, session, [event])
            return VisibleSession(session, tuple(learner_ids), supervised=True)

        return await self._database.respond(responder, run)


async def cancel(
    database: Database, caller: Caller, session_id: UUID, responder: Responder[VisibleSession, M]
) -> M:
    """Cancel a session that has not been started. Raises NOT_FOUND, INVALID_STATE_TRANSITION."""

    async def run(tx: Transaction) -> VisibleSession:
        session = await sessions.lock_session(tx, session_id)
        if session is None:
            raise no_session()
        actor = Actor(caller.require_person(), ActingRole.ADMINISTRATOR)
        after = apply_action(session, SessionAction.CANCEL, tx.now, actor)
        if after is None:
            return await with_learners(tx, session)
        views = await participants.list_views(tx, session_id)
        people = await _people_of(tx, session, views)
        cancelled = session_events.session_cancelled(after, people, actor.role)
        raised = [each.participant.participant_id for each in views if each.participant.hand]
        lowered = await lower_hands(tx, raised)
        await participants.update_revision(tx, raised, session.next_revision)
        await participants.close_participants(tx, session_id, {}, session.next_revision)
        after = await save_change(tx, after, [*lowered, RecordedEvent(cancelled, actor.person_id)])
        return await with_learners(tx, after)

    return await database.respond(responder, run)


async def invite(tx: Transaction, session_id: UUID, person_ids: Sequence[UUID]) -> None:
    """Invite learners to a session, up to the number of seats that are neither taken nor reserved.

    Does nothing if the session is over or unknown. Skips the proctors of the session, and learners who are already
    invited or have joined.
    """
    session = await sessions.lock_session(tx, session_id)
    if session is None or session.state.is_over:
        return
    absent = set(await sessions.list_absent_learner_ids(tx, session_id))
    views = await participants.list_views(tx, session_id)
    joined = {view.participant.person_id for view in views}
    skipped = absent | joined | set(session.plan.proctor_ids)
    newcomers = [each for each in dict.fromkeys(person_ids) if each not in skipped]
    free = max(0, session.plan.capacity - len(joined) - len(absent))
    if invited := newcomers[:free]:
        await sessions.insert_invited_learners(tx, session_id, invited)
        await save_change(tx, session)


async def _people_of(
    tx: Transaction, session: Session, views: Sequence[ParticipantView]
) -> list[UUID]:
    """Return the ids of the invited learners, the participants and the proctors of the session, sorted."""
    return sorted(
        {
            *await sessions.list_invited_learner_ids(tx, session.session_id),
            *session.plan.proctor_ids,
            *(view.participant.person_id for view in views),
        }
    )
