"""Courses and their outlines in the database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Row, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from proctorium_common.storage.database import Transaction
from proctorium_enrollment.domain.courses import Course, CourseKind, NewCourse, Unit, UnitKind
from proctorium_enrollment.storage.tables import courses, units


@dataclass(frozen=True)
class UnitText:
    """A unit with its course and its text."""

    unit: Unit
    course: Course
    markdown: str


async def add(tx: Transaction, course_id: UUID, new: NewCourse, unit_ids: Sequence[UUID]) -> None:
    """Adds a course with its outline; one id for each unit."""
    await tx.execute(
        insert(courses).values(
            course_id=course_id,
            title=new.title,
            description=new.description,
            kind=new.kind.value,
            hours=new.hours,
            awards_certificate=new.awards_certificate,
            created_at=tx.now,
        )
    )
    rows = [
        {
            "unit_id": unit_id,
            "course_id": course_id,
            "position": position,
            "kind": unit.kind.value,
            "title": unit.title,
            "markdown": unit.markdown,
            "url": unit.url,
            "assessment_id": unit.assessment_id,
        }
        for position, (unit_id, unit) in enumerate(zip(unit_ids, new.units, strict=True))
    ]
    if rows:
        await tx.execute(insert(units), rows)


async def find(tx: Transaction, course_id: UUID, *, lock: bool = False) -> Course | None:
    """The course with its outline; with `lock` nobody else changes it until the transaction ends."""
    query = select(courses).where(courses.c.course_id == course_id)
    row = (await tx.execute(query.with_for_update(key_share=True) if lock else query)).first()
    return None if row is None else course_of(row, await _outline(tx, course_id))


async def page(
    tx: Transaction, after: tuple[str, UUID] | None, limit: int, *, published_only: bool
) -> Sequence[Course]:
    """At most `limit` courses by title, after that title and id, without their outlines."""
    query = select(courses).order_by(courses.c.title, courses.c.course_id).limit(limit)
    if published_only:
        query = query.where(courses.c.published_at.is_not(None))
    if after is not None:
        query = query.where(tuple_(courses.c.title, courses.c.course_id) > after)
    return [course_of(row) for row in await tx.execute(query)]


async def publish(tx: Transaction, course_id: UUID) -> None:
    """Sets that the course is published now."""
    await tx.execute(
        update(courses).where(courses.c.course_id == course_id).values(published_at=tx.now)
    )


async def find_unit(tx: Transaction, unit_id: UUID) -> UnitText | None:
    """The unit with its text, and its course without its outline."""
    row = (await tx.execute(select(units).where(units.c.unit_id == unit_id))).first()
    if row is None:
        return None
    course = (await tx.execute(select(courses).where(courses.c.course_id == row.course_id))).one()
    return UnitText(_unit(row), course_of(course), row.markdown)


def course_of(row: Row[*tuple[object, ...]], outline: tuple[Unit, ...] = ()) -> Course:
    """The course that a row with all columns of `courses` holds."""
    return Course(
        course_id=row.course_id,
        title=row.title,
        description=row.description,
        kind=CourseKind(row.kind),
        hours=row.hours,
        publish_time=row.published_at,
        units=outline,
        awards_certificate=row.awards_certificate,
    )


async def _outline(tx: Transaction, course_id: UUID) -> tuple[Unit, ...]:
    columns = [column for column in units.c if column is not units.c.markdown]
    found = await tx.execute(
        select(*columns).where(units.c.course_id == course_id).order_by(units.c.position)
    )
    return tuple(_unit(row) for row in found)


def _unit(row: Row[*tuple[object, ...]]) -> Unit:
    return Unit(row.unit_id, UnitKind(row.kind), row.title, row.url, row.assessment_id)
