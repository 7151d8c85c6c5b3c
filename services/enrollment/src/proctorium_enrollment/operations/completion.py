"""Completion of courses by learners who passed the assessments or finished the units (`P6`)."""

from __future__ import annotations

from uuid import UUID

from proctorium_common.storage.database import Transaction
from proctorium_enrollment import events
from proctorium_enrollment.domain.courses import Registration, Result, is_completed
from proctorium_enrollment.storage import courses, registrations


async def record_result(tx: Transaction, result: Result) -> None:
    """Store a released result, and complete each registration for which the result was the last requirement."""
    await registrations.upsert_result(tx, result)
    for registration in await registrations.lock_registrations_of_result(tx, result):
        await complete_if_due(tx, registration)


async def complete_if_due(tx: Transaction, registration: Registration) -> None:
    """Record the units of passed assessments as finished, and complete the registration if the course is completed.

    The caller has locked the row of the registration.
    """
    course = await courses.get_course(tx, registration.course_id)
    assert course is not None, "a registration has a course"
    passed = await registrations.list_passed_assessments(tx, registration)
    finished = await registrations.list_finished_units(tx, registration.registration_id)
    for unit in course.units:
        if unit.assessment_id in passed and unit.unit_id not in finished:
            await finish_unit(tx, registration, unit.unit_id)
    if registration.completed_at is None and is_completed(course.units, finished, passed):
        await registrations.set_completed(tx, registration.registration_id)
        tx.record(events.registration_completed(registration, course))


async def finish_unit(tx: Transaction, registration: Registration, unit_id: UUID) -> bool:
    """Record that a unit is finished. Return False if this was recorded before.

    The caller has locked the row of the registration.
    """
    is_new = await registrations.insert_progress(tx, registration, unit_id)
    if is_new:
        count = await registrations.count_finished_units(tx, registration.registration_id)
        tx.record(events.progress_recorded(registration, unit_id, count))
    return is_new
