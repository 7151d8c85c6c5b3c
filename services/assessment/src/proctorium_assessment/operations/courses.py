"""Storing courses and registrations from events, and finding the courses of results."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from uuid import UUID

from proctorium_assessment.domain.assessments import (
    assessment_is_proctored,
    learner_not_registered,
)
from proctorium_assessment.storage import courses, sessions
from proctorium_assessment.storage.courses import Course
from proctorium_common.storage.database import Transaction


async def store_course(
    tx: Transaction, course: Course, assessment_ids: Collection[UUID], position: int
) -> None:
    """Store a published course, unless a newer event of the course is stored already."""
    await courses.upsert_course(tx, course, assessment_ids, position)


async def store_registration(tx: Transaction, course_id: UUID, person_id: UUID) -> None:
    """Store that the person may take the self-paced assessments of the course."""
    await courses.insert_registration(tx, course_id, person_id)


async def require_self_paced_registration(
    tx: Transaction, assessment_id: UUID, person_id: UUID
) -> None:
    """Raise LEARNER_NOT_REGISTERED unless the person is registered in a self-paced course that has the assessment.

    Raises ASSESSMENT_IS_PROCTORED if every course that has the assessment is proctored.
    """
    registrations = await courses.list_course_registrations(tx, assessment_id, person_id)
    self_paced = [each for each in registrations if each.self_paced]
    if registrations and not self_paced:
        raise assessment_is_proctored()
    if not any(each.is_registered for each in self_paced):
        raise learner_not_registered()


async def get_courses_of_results(
    tx: Transaction, results: Iterable[tuple[UUID, UUID | None, UUID]]
) -> Mapping[UUID, UUID]:
    """Return the ids of the courses of results, keyed by result id.

    Each of `results` contains the ids of a result, its session and its assessment. The course of a result is the course
    of the session. If the course of the session is unknown, the course of the assessment is used. A result without a
    known course is left out.
    """
    results = list(results)
    by_session = await sessions.get_courses_of_sessions(
        tx, {session_id for _, session_id, _ in results if session_id is not None}
    )
    by_assessment = await courses.get_courses_of_assessments(
        tx, {assessment_id for _, _, assessment_id in results}
    )
    found: dict[UUID, UUID] = {}
    for result_id, session_id, assessment_id in results:
        course_id = by_session.get(session_id) if session_id is not None else None
        course_id = course_id or by_assessment.get(assessment_id)
        if course_id is not None:
            found[result_id] = course_id
    return found
