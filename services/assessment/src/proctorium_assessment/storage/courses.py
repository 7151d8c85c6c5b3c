"""What is known of courses: titles, hours, kinds, which assessments they hold, and who is registered."""

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
    """A course as its publication told of it."""

    course_id: UUID
    title: str
    hours: float
    self_paced: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """A course that holds an assessment, for one learner."""

    self_paced: bool
    registered: bool


async def remember(
    tx: Transaction, course: Course, assessment_ids: Collection[UUID], position: int
) -> None:
    """Keeps the course as of the event at `position`; what a newer event told stays."""
    added = insert(courses).values(
        course_id=course.course_id,
        title=course.title,
        hours=course.hours,
        self_paced=course.self_paced,
        position=position,
    )
    newer = await tx.execute(
        added.on_conflict_do_update(
            index_elements=[courses.c.course_id],
            set_={
                "title": added.excluded.title,
                "hours": added.excluded.hours,
                "self_paced": added.excluded.self_paced,
                "position": added.excluded.position,
            },
            where=courses.c.position <= added.excluded.position,
        ).returning(courses.c.course_id)
    )
    if newer.first() is None:
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


async def find_all(tx: Transaction, course_ids: Collection[UUID]) -> Mapping[UUID, Course]:
    """Those of them that are known."""
    query = select(
        courses.c.course_id, courses.c.title, courses.c.hours, courses.c.self_paced
    ).where(courses.c.course_id.in_(course_ids))
    return {
        row.course_id: Course(row.course_id, row.title, row.hours, row.self_paced)
        for row in await tx.execute(query)
    }


async def holding(tx: Transaction, assessment_ids: Collection[UUID]) -> Mapping[UUID, UUID]:
    """The course of each assessment; of several, the one that is oldest."""
    query = (
        select(course_assessments.c.assessment_id, course_assessments.c.course_id)
        .ext(distinct_on(course_assessments.c.assessment_id))
        .where(course_assessments.c.assessment_id.in_(assessment_ids))
        .order_by(course_assessments.c.assessment_id, course_assessments.c.course_id)
    )
    return {row.assessment_id: row.course_id for row in await tx.execute(query)}


async def remember_registered(tx: Transaction, course_id: UUID, person_id: UUID) -> None:
    """Keeps that the person is registered in the course."""
    added = insert(registrations).values(course_id=course_id, person_id=person_id)
    await tx.execute(added.on_conflict_do_nothing())


async def standings(tx: Transaction, assessment_id: UUID, person_id: UUID) -> Sequence[Standing]:
    """Each course that holds the assessment, and whether the person is registered in it."""
    registered = and_(
        registrations.c.course_id == courses.c.course_id, registrations.c.person_id == person_id
    )
    query = (
        select(courses.c.self_paced, registrations.c.person_id)
        .join(course_assessments, course_assessments.c.course_id == courses.c.course_id)
        .outerjoin(registrations, registered)
        .where(course_assessments.c.assessment_id == assessment_id)
    )
    return [Standing(row.self_paced, row.person_id is not None) for row in await tx.execute(query)]
