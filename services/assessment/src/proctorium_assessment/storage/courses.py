"""Queries of the courses and registrations that this service stores from enrollment's events."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import and_, delete, select
from sqlalchemy.dialects.postgresql import distinct_on, insert

from proctorium_assessment.storage.tables import course_assessments, courses, registrations
from proctorium_common.storage.database import Transaction


@dataclass(frozen=True, slots=True)
class Course:
    """A published course."""

    course_id: UUID
    title: str
    hours: float
    self_paced: bool = False


@dataclass(frozen=True, slots=True)
class CourseRegistration:
    """Whether a course is self-paced, and whether a given learner is registered in the course."""

    self_paced: bool
    is_registered: bool


async def upsert_course(
    tx: Transaction, course: Course, assessment_ids: Collection[UUID], position: int
) -> None:
    """Store the course and its assessments, unless the stored course comes from an event after `position`."""
    new = insert(courses).values(
        course_id=course.course_id,
        title=course.title,
        hours=course.hours,
        self_paced=course.self_paced,
        position=position,
    )
    updated = await tx.execute(
        new.on_conflict_do_update(
            index_elements=[courses.c.course_id],
            set_={
                "title": new.excluded.title,
                "hours": new.excluded.hours,
                "self_paced": new.excluded.self_paced,
                "position": new.excluded.position,
            },
            where=courses.c.position <= new.excluded.position,
        ).returning(courses.c.course_id)
    )
    if updated.first() is None:
        return
    await tx.execute(
        delete(course_assessments).where(course_assessments.c.course_id == course.course_id)
    )
    if assessment_ids:
        await tx.execute(
            insert(course_assessments),
            [
                {"course_id": course.course_id, "assessment_id": assessment_id}
                for assessment_id in sorted(set(assessment_ids))
            ],
        )


async def get_courses(tx: Transaction, course_ids: Collection[UUID]) -> Mapping[UUID, Course]:
    """Return the stored courses with these ids, keyed by id."""
    statement = select(
        courses.c.course_id, courses.c.title, courses.c.hours, courses.c.self_paced
    ).where(courses.c.course_id.in_(course_ids))
    return {
        row.course_id: Course(row.course_id, row.title, row.hours, row.self_paced)
        for row in await tx.execute(statement)
    }


async def get_courses_of_assessments(
    tx: Transaction, assessment_ids: Collection[UUID]
) -> Mapping[UUID, UUID]:
    """Return the id of the course of each assessment, keyed by assessment id.

    If several courses have the assessment, the id of the oldest course is returned.
    """
    statement = (
        select(course_assessments.c.assessment_id, course_assessments.c.course_id)
        .ext(distinct_on(course_assessments.c.assessment_id))
        .where(course_assessments.c.assessment_id.in_(assessment_ids))
        .order_by(course_assessments.c.assessment_id, course_assessments.c.course_id)
    )
    return {row.assessment_id: row.course_id for row in await tx.execute(statement)}


async def insert_registration(tx: Transaction, course_id: UUID, person_id: UUID) -> None:
    """Insert the registration of a person in a course, unless the registration is already stored."""
    new = insert(registrations).values(course_id=course_id, person_id=person_id)
    await tx.execute(new.on_conflict_do_nothing())


async def list_course_registrations(
    tx: Transaction, assessment_id: UUID, person_id: UUID
) -> Sequence[CourseRegistration]:
    """Return a `CourseRegistration` of the person for each course that has the assessment."""
    of_person = and_(
        registrations.c.course_id == courses.c.course_id, registrations.c.person_id == person_id
    )
    statement = (
        select(courses.c.self_paced, registrations.c.person_id)
        .join(course_assessments, course_assessments.c.course_id == courses.c.course_id)
        .outerjoin(registrations, of_person)
        .where(course_assessments.c.assessment_id == assessment_id)
    )
    return [
        CourseRegistration(row.self_paced, row.person_id is not None)
        for row in await tx.execute(statement)
    ]
