"""Courses: written, published, listed with their mark (`P3`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from proctorium.enrollment.events.v1 import events_pb2
from proctorium.enrollment.v1 import courses_pb2
from proctorium_common.ids import new_id
from proctorium_common.rpc.caller import Caller
from proctorium_common.storage import pages
from proctorium_common.storage.database import Transaction
from proctorium_enrollment.domain.courses import (
    Course,
    CourseKind,
    NewCourse,
    check_assessments,
    no_such_course,
)
from proctorium_enrollment.domain.people import Role
from proctorium_enrollment.operations.assessments import Assessments
from proctorium_enrollment.storage import courses as storage
from proctorium_enrollment.storage import registrations, sessions

KINDS = {
    CourseKind.PROCTORED: courses_pb2.COURSE_KIND_PROCTORED,
    CourseKind.SELF_PACED: courses_pb2.COURSE_KIND_SELF_PACED,
}
"""Kinds as messages name them."""


async def require_usable(new: NewCourse, assessments: Assessments) -> None:
    """Check that the outline of `new` names assessments that it can use. Raises INVALID_REQUEST, DEPENDENCY_UNAVAILABLE."""
    named = [unit.assessment_id for unit in new.units if unit.assessment_id is not None]
    check_assessments(new, await assessments.known(named))


async def create(tx: Transaction, new: NewCourse) -> Course:
    """Creates a course with its outline, not yet published."""
    course_id = new_id()
    await storage.add(tx, course_id, new, [new_id() for _ in new.units])
    return await _present(tx, course_id)


async def publish(tx: Transaction, course_id: UUID) -> Course:
    """Publishes a course, unless it is. Raises NOT_FOUND."""
    course = await storage.find(tx, course_id, lock=True)
    if course is None:
        raise no_such_course()
    if course.publish_time is not None:
        return course
    await storage.publish(tx, course_id)
    assessment_ids = [str(unit.assessment_id) for unit in course.units if unit.assessment_id]
    tx.record(
        events_pb2.CoursePublished(
            course_id=str(course_id),
            title=course.title,
            kind=KINDS[course.kind],
            hours=course.hours,
            assessment_ids=list(dict.fromkeys(assessment_ids)),
        )
    )
    return await _present(tx, course_id)


async def list_all(
    tx: Transaction, caller: Caller, page_size: int, page_token: str
) -> tuple[Sequence[Course], str]:
    """Courses by title, published ones and for administrators all, and the token of the next page.

    Raises INVALID_PAGE_TOKEN.
    """
    everything = Role.ADMINISTRATOR.value in caller.roles
    name = "courses" if everything else "published courses"
    size = pages.size_of(page_size)
    tokens = await pages.tokens(tx)
    found = await storage.page(
        tx,
        tokens.after(name, page_token, str, UUID),
        size + 1,
        published_only=not everything,
    )
    return tokens.cut(name, found, size, lambda course: (course.title, course.course_id))


async def get(tx: Transaction, caller: Caller, course_id: UUID) -> Course:
    """A course with its outline; links only where its content is open to the caller (`P5`). Raises NOT_FOUND."""
    course = await storage.find(tx, course_id)
    writes = Role.ADMINISTRATOR.value in caller.roles
    # Who is let in without being a person is a service that plans with it.
    may_see_drafts = writes or caller.person_id is None
    if course is None or (course.publish_time is None and not may_see_drafts):
        raise no_such_course()
    if writes or await _is_open(tx, caller, course):
        return course
    return replace(course, units=tuple(replace(unit, url="") for unit in course.units))


async def _is_open(tx: Transaction, caller: Caller, course: Course) -> bool:
    if Role.PROCTOR.value in caller.roles:
        return True
    if caller.person_id is None:
        return False
    if await registrations.find(tx, caller.person_id, course.course_id) is None:
        return False
    return course.kind is CourseKind.SELF_PACED or await sessions.is_in_session(
        tx, caller.person_id, course.course_id
    )


async def _present(tx: Transaction, course_id: UUID) -> Course:
    course = await storage.find(tx, course_id)
    assert course is not None, "this transaction has written it"
    return course
