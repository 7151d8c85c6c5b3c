"""Registering learners in courses, and reading registrations (`P6`)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from google.protobuf.message import Message

from proctorium_common.errors import already_exists, invalid_transition
from proctorium_common.ids import new_id
from proctorium_common.storage import pages
from proctorium_common.storage.database import Database, Transaction
from proctorium_common.storage.idempotency import Responder
from proctorium_enrollment import events
from proctorium_enrollment.domain.courses import (
    MyCourse,
    Registration,
    no_such_course,
    require_published,
)
from proctorium_enrollment.domain.people import Role, no_such_person
from proctorium_enrollment.operations.codes import Codes
from proctorium_enrollment.operations.completion import complete_if_due
from proctorium_enrollment.storage import courses, people, registrations, sessions

M = TypeVar("M", bound=Message)


async def create_registration(
    database: Database,
    codes: Codes,
    person_id: UUID,
    course_id: UUID,
    responder: Responder[Registration, M],
) -> M:
    """Register a learner in a published course, and send the codes of the course's upcoming sessions to the learner.

    Raises NOT_FOUND, COURSE_NOT_PUBLISHED, ALREADY_REGISTERED, and INVALID_STATE_TRANSITION if the person is not a
    learner.
    """

    async def run(tx: Transaction) -> Registration:
        await _require_registrable(tx, person_id, course_id)
        registration = Registration(new_id(), person_id, course_id, tx.now, None)
        if not await registrations.insert_registration(tx, registration):
            raise already_exists(
                "ALREADY_REGISTERED", "This learner is registered in the course already."
            )
        tx.record(events.registration_created(registration))
        await sessions.lock_sessions_of_course(tx, course_id)
        for session in await sessions.list_upcoming_sessions(tx, course_id):
            await codes.send_to_new_learner(tx, session, person_id)
        # A result of the learner may already be stored, because the learner took the assessment before the registration
        # or because events arrived out of order.
        await complete_if_due(tx, registration)
        stored = await registrations.get_registration(tx, person_id, course_id)
        assert stored is not None, "this transaction has written it"
        return stored

    return await database.respond(responder, run)


async def list_my_courses(
    database: Database, person_id: UUID, page_size: int, page_token: str
) -> tuple[Sequence[MyCourse], str]:
    """Return a page of a learner's courses, ordered by title, and the token of the next page.

    Raises INVALID_PAGE_TOKEN.
    """
    name = f"courses of {person_id}"
    size = pages.effective_size(page_size)
    async with database.transaction() as tx:
        tokens = await pages.tokens(tx)
        after = tokens.after(name, page_token, str, UUID)
        found = await registrations.list_my_courses(tx, person_id, after, size + 1)
    return tokens.cut(name, found, size, lambda mine: (mine.course.title, mine.course.course_id))


async def list_registrations(
    database: Database, course_id: UUID, page_size: int, page_token: str
) -> tuple[Sequence[Registration], str]:
    """Return a page of the registrations in a course, oldest first, and the token of the next page.

    Raises INVALID_PAGE_TOKEN.
    """
    name = f"registrations of {course_id}"
    size = pages.effective_size(page_size)
    async with database.transaction() as tx:
        tokens = await pages.tokens(tx)
        after = tokens.after(name, page_token, datetime, UUID)
        found = await registrations.list_registrations_in_course(tx, course_id, after, size + 1)
    return tokens.cut(name, found, size, lambda each: (each.created_at, each.registration_id))


async def _require_registrable(tx: Transaction, person_id: UUID, course_id: UUID) -> None:
    person = await people.get_person(tx, person_id)
    if person is None:
        raise no_such_person()
    course = await courses.get_course(tx, course_id)
    if course is None:
        raise no_such_course()
    require_published(course)
    if Role.LEARNER not in person.roles:
        raise invalid_transition(
            "Only a learner can be registered in a course. Give the person the role of a learner first.",
            from_state="not a learner",
            action="register",
            possible=["GrantRole"],
        )
