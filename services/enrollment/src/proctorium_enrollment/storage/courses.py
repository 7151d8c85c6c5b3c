"""Courses and their outlines in the database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Row, Select, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from proctorium_common.storage.database import Transaction
from proctorium_enrollment.domain.courses import Course, CourseKind, NewCourse, Unit, UnitKind
from proctorium_enrollment.storage.tables import courses, units


@dataclass(frozen=True, slots=True)
class UnitText:
    """A unit with its course, and with the text of its lesson."""

    unit: Unit
    course: Course
    markdown: str


async def insert_course(
    tx: Transaction, course_id: UUID, new: NewCourse, unit_ids: Sequence[UUID]
) -> None:
    """Insert a course with its outline.

    `unit_ids` contains one ID for each unit, in the order of the outline.
    """
    await tx.execute(
        insert(courses).values(
            course_id=course_id,
            title=new.title,
            description=new.description,
            kind=new.kind,
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
            "kind": unit.kind,
            "title": unit.title,
            "markdown": unit.markdown,
            "url": unit.url,
            "assessment_id": unit.assessment_id,
        }
        for position, (unit_id, unit) in enumerate(zip(unit_ids, new.units, strict=True))
    ]
    if rows:
        await tx.execute(insert(units), rows)


async def get_course(tx: Transaction, course_id: UUID) -> Course | None:
    """Return the course with its outline, or None if there is no such course."""
    return await _get(tx, course_id, select(courses))


async def lock_course(tx: Transaction, course_id: UUID) -> Course | None:
    """Lock the row of a course. Return the course with its outline, or None if there is no such course."""
    return await _get(tx, course_id, select(courses).with_for_update(key_share=True))


async def list_courses(
    tx: Transaction, after: tuple[str, UUID] | None, limit: int, *, published_only: bool
) -> Sequence[Course]:
    """Return at most `limit` courses without their outlines, ordered by title and ID.

    If `after` is not None, the list starts after the course with this title and ID.
    """
    statement = select(courses).order_by(courses.c.title, courses.c.course_id).limit(limit)
    if published_only:
        statement = statement.where(courses.c.published_at.is_not(None))
    if after is not None:
        statement = statement.where(tuple_(courses.c.title, courses.c.course_id) > after)
    return [course_from_row(row) for row in await tx.execute(statement)]


async def set_published(tx: Transaction, course_id: UUID) -> None:
    """Record that the course is published now."""
    await tx.execute(
        update(courses).where(courses.c.course_id == course_id).values(published_at=tx.now)
    )


async def get_unit(tx: Transaction, unit_id: UUID) -> UnitText | None:
    """Return a unit with its text and its course, or None. The course has no outline."""
    row = (await tx.execute(select(units).where(units.c.unit_id == unit_id))).first()
    if row is None:
        return None
    course = (await tx.execute(select(courses).where(courses.c.course_id == row.course_id))).one()
    return UnitText(_unit(row), course_from_row(course), row.markdown)


def course_from_row(row: Row[*tuple[object, ...]], outline: tuple[Unit, ...] = ()) -> Course:
    """Return the course from a row with all columns of `courses`."""
    return Course(
        course_id=row.course_id,
        title=row.title,
        description=row.description,
        kind=CourseKind(row.kind),
        hours=row.hours,
        published_at=row.published_at,
        units=outline,
        awards_certificate=row.awards_certificate,
    )


async def _get(
    tx: Transaction, course_id: UUID, statement: Select[*tuple[object, ...]]
) -> Course | None:
    row = (await tx.execute(statement.where(courses.c.course_id == course_id))).first()
    return None if row is None else course_from_row(row, await _outline(tx, course_id))


async def _outline(tx: Transaction, course_id: UUID) -> tuple[Unit, ...]:
    columns = [column for column in units.c if column is not units.c.markdown]
    rows = await tx.execute(
        select(*columns).where(units.c.course_id == course_id).order_by(units.c.position)
    )
    return tuple(_unit(row) for row in rows)


def _unit(row: Row[*tuple[object, ...]]) -> Unit:
    return Unit(row.unit_id, UnitKind(row.kind), row.title, row.url, row.assessment_id)
