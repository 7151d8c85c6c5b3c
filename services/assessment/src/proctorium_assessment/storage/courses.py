"""What is known of courses: titles, hours, and which assessments they hold."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import distinct_on, insert

from proctorium_assessment.storage.tables import course_assessments, courses
from proctorium_common.storage.database import Transaction


@dataclass(frozen=True, slots=True)
class Course:
    """A course as its publication told of it."""

    course_id: UUID
    title: str
    hours: float


async def remember(
    tx: Transaction, course: Course, assessment_ids: Collection[UUID], position: int
) -> None:
    """Keeps the course as of the event at `position`; what a newer event told stays."""
    added = insert(courses).values(
        course_id=course.course_id, title=course.title, hours=course.hours, position=position
    )
    newer = await tx.execute(
        added.on_conflict_do_update(
            index_elements=[courses.c.course_id],
            set_={
                "title": added.excluded.title,
                "hours": added.excluded.hours,
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
    query = select(courses.c.course_id, courses.c.title, courses.c.hours).where(
        courses.c.course_id.in_(course_ids)
    )
    return {
        row.course_id: Course(row.course_id, row.title, row.hours)
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
