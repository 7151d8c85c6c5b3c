"""Completing a course: by passing its assessments, or without any, by finishing its units (`P6`)."""

from __future__ import annotations

from uuid import UUID

from proctorium.enrollment.events.v1 import events_pb2
from proctorium_common.storage.database import Transaction
from proctorium_enrollment.domain.courses import Registration, Result, is_completed
from proctorium_enrollment.storage import courses, registrations


async def take_result(tx: Transaction, result: Result) -> None:
    """Takes notice of a released result: its assessment is finished where it was passed, and the course where that was the last."""
    await registrations.save_result(tx, result)
    for registration in await registrations.concerned(tx, result):
        await complete_if_due(tx, registration)


async def complete_if_due(tx: Transaction, registration: Registration) -> None:
    """Notes which assessments are finished and completes the registration, whose row is locked, when it is due and was not yet."""
    course = await courses.find(tx, registration.course_id)
    assert course is not None, "a registration has a course"
    passed = await registrations.passed(tx, registration)
    finished = await registrations.finished_units(tx, registration.registration_id)
    for unit in course.units:
        if unit.assessment_id in passed:
            await finish(tx, registration, unit.unit_id)
    if registration.complete_time is None and is_completed(course.units, finished, passed):
        await registrations.complete(tx, registration.registration_id)
        tx.record(
            events_pb2.RegistrationCompleted(
                registration_id=str(registration.registration_id),
                person_id=str(registration.person_id),
                course_id=str(registration.course_id),
                course_title=course.title,
                awards_certificate=course.awards_certificate,
            )
        )


async def finish(tx: Transaction, registration: Registration, unit_id: UUID) -> bool:
    """Notes that a unit of the registration, whose row is locked, is finished; False when it was."""
    new = await registrations.finish_unit(tx, registration, unit_id)
    if new:
        tx.record(
            events_pb2.ProgressRecorded(
                registration_id=str(registration.registration_id),
                person_id=str(registration.person_id),
                course_id=str(registration.course_id),
                unit_id=str(unit_id),
            )
        )
    return new
