"""Courses: what is learned of them, and which one a result belongs to."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from uuid import UUID

from proctorium_assessment.domain.assessments import not_registered, proctored_only
from proctorium_assessment.storage import courses, sessions
from proctorium_assessment.storage.courses import Course
from proctorium_common.storage.database import Transaction


async def remember(
    tx: Transaction, course: Course, assessment_ids: Collection[UUID], position: int
) -> None:
    """Keeps what the publication of a course told; an older one that comes later changes nothing."""
    await courses.remember(tx, course, assessment_ids, position)


async def registered(tx: Transaction, course_id: UUID, person_id: UUID) -> None:
    """Keeps that the person may take the course's self-paced assessments."""
    await courses.remember_registered(tx, course_id, person_id)


async def require_self_paced(tx: Transaction, assessment_id: UUID, person_id: UUID) -> None:
    """Raises LEARNER_NOT_REGISTERED or PROCTORED unless the person is registered in a self-paced course that holds the assessment."""
    standings = await courses.standings(tx, assessment_id, person_id)
    alone = [standing for standing in standings if standing.self_paced]
    if standings and not alone:
        raise proctored_only()
    if not any(standing.registered for standing in alone):
        raise not_registered()


async def courses_of(
    tx: Transaction, taken: Iterable[tuple[UUID, UUID | None, UUID]]
) -> Mapping[UUID, UUID]:
    """The course of each (result, session, assessment), by result: the session's, else the one that holds the assessment."""
    taken = list(taken)
    by_session = await sessions.courses_of(
        tx, {session_id for _, session_id, _ in taken if session_id is not None}
    )
    by_assessment = await courses.holding(tx, {assessment_id for _, _, assessment_id in taken})
    found: dict[UUID, UUID] = {}
    for result_id, session_id, assessment_id in taken:
        course_id = by_session.get(session_id) if session_id is not None else None
        course_id = course_id or by_assessment.get(assessment_id)
        if course_id is not None:
            found[result_id] = course_id
    return found
