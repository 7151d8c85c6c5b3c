"""Who takes which course (`P6`)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from proctorium.enrollment.events.v1 import events_pb2
from proctorium_common.errors import already_exists, invalid_transition
from proctorium_common.ids import new_id
from proctorium_common.storage import pages
from proctorium_common.storage.database import Transaction
from proctorium_enrollment.domain.courses import (
    MyCourse,
    Registration,
    no_such_course,
    require_published,
)
from proctorium_enrollment.domain.people import Role, no_such_person
from proctorium_enrollment.operations import completion
from proctorium_enrollment.operations.codes import Codes
from proctorium_enrollment.storage import courses, people, sessions
from proctorium_enrollment.storage import registrations as storage


async def register(tx: Transaction, codes: Codes, person_id: UUID, course_id: UUID) -> Registration:
    """Register a learner in a published course, and send them the codes of its coming sessions.

    Raises NOT_FOUND, COURSE_NOT_PUBLISHED, ALREADY_REGISTERED, INVALID_STATE_TRANSITION (the person is no learner).
    """
    person = await people.find(tx, person_id)
    if person is None:
        raise no_such_person()
    course = await courses.find(tx, course_id)
    if course is None:
        raise no_such_course()
    require_published(course)
    if Role.LEARNER not in person.roles:
        raise invalid_transition(
            "Only a learner can be registered in a course. Give the person the role of a learner first.",
            from_state="not a learner",
            asked="register",
            possible=["GrantRole"],
        )
    registration = Registration(new_id(), person_id, course_id, tx.now, None)
    if not await storage.add(tx, registration):
        raise already_exists(
            "ALREADY_REGISTERED", "This learner is registered in the course already."
        )
    tx.record(
        events_pb2.RegistrationCreated(
            registration_id=str(registration.registration_id),
            person_id=str(person_id),
            course_id=str(course_id),
        )
    )
    await sessions.lock_course(tx, course_id)
    for session in await sessions.list_coming(tx, course_id):
        await codes.give_to_newcomer(tx, session, person_id)
    # A result may have been there first: the assessment was taken alone, or its event came earlier.
    await completion.complete_if_due(tx, registration)
    present = await storage.find(tx, person_id, course_id)
    assert present is not None, "this transaction has written it"
    return present


async def list_mine(
    tx: Transaction, person_id: UUID, page_size: int, page_token: str
) -> tuple[Sequence[MyCourse], str]:
    """Return the learner's courses with progress by title, and the token of the next page. Raises INVALID_PAGE_TOKEN."""
    name = f"courses of {person_id}"
    size = pages.size_of(page_size)
    tokens = await pages.tokens(tx)
    found = await storage.list_my_courses(
        tx, person_id, tokens.after(name, page_token, str, UUID), size + 1
    )
    return tokens.cut(name, found, size, lambda mine: (mine.course.title, mine.course.course_id))


async def list_of(
    tx: Transaction, course_id: UUID, page_size: int, page_token: str
) -> tuple[Sequence[Registration], str]:
    """The registrations in a course by time, and the token of the next page. Raises INVALID_PAGE_TOKEN."""
    name = f"registrations of {course_id}"
    size = pages.size_of(page_size)
    tokens = await pages.tokens(tx)
    found = await storage.page(
        tx, course_id, tokens.after(name, page_token, datetime, UUID), size + 1
    )
    return tokens.cut(name, found, size, lambda one: (one.create_time, one.registration_id))
