"""Creating, publishing and reading courses (`P3`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar
from uuid import UUID

from google.protobuf.message import Message

from proctorium_common.ids import new_id
from proctorium_common.rpc.caller import Caller
from proctorium_common.storage import pages
from proctorium_common.storage.database import Database, Transaction
from proctorium_common.storage.idempotency import Responder
from proctorium_enrollment import events
from proctorium_enrollment.domain.courses import (
    Course,
    CourseKind,
    NewCourse,
    no_such_course,
    require_usable_assessments,
)
from proctorium_enrollment.domain.people import Role
from proctorium_enrollment.operations.assessments import Assessments
from proctorium_enrollment.storage import courses, registrations, sessions

M = TypeVar("M", bound=Message)


async def create_course(
    database: Database,
    assessments: Assessments,
    new: NewCourse,
    responder: Responder[Course, M],
) -> M:
    """Create an unpublished course with its outline.

    Raises INVALID_REQUEST, DEPENDENCY_UNAVAILABLE.
    """
    # Assessments are read before the transaction, because no transaction may stay open during a call to another
    # service.
    named = [unit.assessment_id for unit in new.units if unit.assessment_id is not None]
    require_usable_assessments(new, await assessments.get_existing(named))

    async def run(tx: Transaction) -> Course:
        course_id = new_id()
        await courses.insert_course(tx, course_id, new, [new_id() for _ in new.units])
        return await _get_stored(tx, course_id)

    return await database.respond(responder, run)


async def publish_course(database: Database, course_id: UUID, responder: Responder[Course, M]) -> M:
    """Publish a course. Does nothing if the course is already published. Raises NOT_FOUND."""

    async def run(tx: Transaction) -> Course:
        course = await courses.lock_course(tx, course_id)
        if course is None:
            raise no_such_course()
        if course.published_at is not None:
            return course
        await courses.set_published(tx, course_id)
        tx.record(events.course_published(course))
        return await _get_stored(tx, course_id)

    return await database.respond(responder, run)


async def list_courses(
    database: Database, caller: Caller, page_size: int, page_token: str
) -> tuple[Sequence[Course], str]:
    """Return a page of courses, ordered by title, and the token of the next page. Raises INVALID_PAGE_TOKEN.

    Only administrators can see unpublished courses.
    """
    name = "courses" if caller.is_administrator else "published courses"
    size = pages.effective_size(page_size)
    async with database.transaction() as tx:
        tokens = await pages.tokens(tx)
        found = await courses.list_courses(
            tx,
            tokens.after(name, page_token, str, UUID),
            size + 1,
            published_only=not caller.is_administrator,
        )
    return tokens.cut(name, found, size, lambda course: (course.title, course.course_id))


async def get_course(database: Database, caller: Caller, course_id: UUID) -> Course:
    """Return a course.

    Raises NOT_FOUND if the course does not exist or if the caller must not see the course. The outline has no links
    unless the content is open to the caller (`P5`).
    """
    async with database.transaction() as tx:
        course = await courses.get_course(tx, course_id)
        # A caller without a person ID is a service. Session orchestration reads unpublished courses to check plans of
        # sessions.
        may_see_unpublished = caller.is_administrator or caller.person_id is None
        if course is None or (course.published_at is None and not may_see_unpublished):
            raise no_such_course()
        if caller.is_administrator or await _is_content_open(tx, caller, course):
            return course
    return replace(course, units=tuple(replace(unit, url="") for unit in course.units))


async def _is_content_open(tx: Transaction, caller: Caller, course: Course) -> bool:
    if Role.PROCTOR in caller.roles:
        return True
    if caller.person_id is None:
        return False
    if await registrations.get_registration(tx, caller.person_id, course.course_id) is None:
        return False
    return course.kind is CourseKind.SELF_PACED or await sessions.is_in_session_of_course(
        tx, caller.person_id, course.course_id
    )


async def _get_stored(tx: Transaction, course_id: UUID) -> Course:
    course = await courses.get_course(tx, course_id)
    assert course is not None, "this transaction has written it"
    return course
