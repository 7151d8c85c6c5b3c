"""Registrations, progress and results in the database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, and_, exists, func, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from proctorium_common.storage.database import Transaction
from proctorium_enrollment.domain.courses import CourseKind, MyCourse, Registration, Result
from proctorium_enrollment.storage.courses import course_of
from proctorium_enrollment.storage.tables import courses, progress, results, units
from proctorium_enrollment.storage.tables import registrations as table


async def add(tx: Transaction, registration: Registration) -> bool:
    """Adds the registration; False when the person is registered in the course."""
    added = insert(table).values(
        registration_id=registration.registration_id,
        person_id=registration.person_id,
        course_id=registration.course_id,
        created_at=registration.create_time,
    )
    result = await tx.execute(
        added.on_conflict_do_nothing(constraint="uq_registrations_person_id_course_id").returning(
            table.c.registration_id
        )
    )
    return result.first() is not None


async def find(
    tx: Transaction, person_id: UUID, course_id: UUID, *, lock: bool = False
) -> Registration | None:
    """The person's registration in the course; with `lock` nobody else changes it until the transaction ends."""
    query = select(table).where(table.c.person_id == person_id, table.c.course_id == course_id)
    row = (await tx.execute(query.with_for_update(key_share=True) if lock else query)).first()
    return None if row is None else _registration(row)


async def list_people_since(tx: Transaction, course_id: UUID, since: datetime) -> Sequence[UUID]:
    """Return the learners who were registered in the course after that time."""
    query = select(table.c.person_id).where(
        table.c.course_id == course_id, table.c.created_at > since
    )
    return (await tx.execute(query.order_by(table.c.person_id))).scalars().all()


async def page(
    tx: Transaction, course_id: UUID, after: tuple[datetime, UUID] | None, limit: int
) -> Sequence[Registration]:
    """At most `limit` registrations in the course by time, after that time and id."""
    query = select(table).where(table.c.course_id == course_id)
    if after is not None:
        query = query.where(tuple_(table.c.created_at, table.c.registration_id) > after)
    ordered = query.order_by(table.c.created_at, table.c.registration_id).limit(limit)
    return [_registration(row) for row in await tx.execute(ordered)]


async def get_my_course(tx: Transaction, person_id: UUID, course_id: UUID) -> MyCourse:
    """Return one of the person's courses with its progress."""
    found = await tx.execute(_my_courses(person_id).where(table.c.course_id == course_id))
    return _my_course(found.one())


async def list_my_courses(
    tx: Transaction, person_id: UUID, after: tuple[str, UUID] | None, limit: int
) -> Sequence[MyCourse]:
    """Return at most `limit` of the person's courses with their progress by title, after the course `after`."""
    key = tuple_(courses.c.title, courses.c.course_id)
    query = _my_courses(person_id).order_by(courses.c.title, courses.c.course_id).limit(limit)
    if after is not None:
        query = query.where(key > after)
    return [_my_course(row) for row in await tx.execute(query)]


def _my_courses(person_id: UUID) -> Select[*tuple[Any, ...]]:
    finished = (
        select(func.array_agg(progress.c.unit_id))
        .where(progress.c.registration_id == table.c.registration_id)
        .scalar_subquery()
    )
    unit_count = (
        select(func.count()).where(units.c.course_id == table.c.course_id).scalar_subquery()
    )
    return (
        select(
            *courses.c,
            table.c.registration_id,
            table.c.person_id,
            table.c.created_at.label("registered_at"),
            table.c.completed_at,
            finished.label("finished"),
            unit_count.label("unit_count"),
        )
        .join_from(table, courses, courses.c.course_id == table.c.course_id)
        .where(table.c.person_id == person_id)
    )


async def finish_unit(tx: Transaction, registration: Registration, unit_id: UUID) -> bool:
    """Notes that a unit of the registration's course is finished; False when it was."""
    added = insert(progress).values(
        registration_id=registration.registration_id,
        unit_id=unit_id,
        course_id=registration.course_id,
        finished_at=tx.now,
    )
    result = await tx.execute(
        added.on_conflict_do_nothing(constraint="pk_progress").returning(progress.c.unit_id)
    )
    return result.first() is not None


async def finished_units(tx: Transaction, registration_id: UUID) -> frozenset[UUID]:
    """The units that are finished."""
    found = await tx.execute(
        select(progress.c.unit_id).where(progress.c.registration_id == registration_id)
    )
    return frozenset(found.scalars())


async def complete(tx: Transaction, registration_id: UUID) -> None:
    """Sets that the course is completed now."""
    await tx.execute(
        update(table).where(table.c.registration_id == registration_id).values(completed_at=tx.now)
    )


async def save_result(tx: Transaction, result: Result) -> None:
    """Keeps what was told of a result, unless a later version was told before."""
    added = insert(results).values(
        result_id=result.result_id,
        person_id=result.person_id,
        assessment_id=result.assessment_id,
        course_id=result.course_id,
        passed=result.passed,
        version=result.version,
    )
    await tx.execute(
        added.on_conflict_do_update(
            constraint="pk_results",
            set_={"passed": added.excluded.passed, "version": added.excluded.version},
            where=results.c.version < added.excluded.version,
        )
    )


async def concerned(tx: Transaction, result: Result) -> Sequence[Registration]:
    """The registrations whose courses the result counts for, which nobody else changes until the transaction ends.

    A result counts for the course that it names. One that names none was taken alone, and counts for the self-paced courses
    whose outline has the assessment.
    """
    named = table.c.course_id == result.course_id
    found = await tx.execute(
        select(table)
        .where(
            table.c.person_id == result.person_id,
            named if result.course_id is not None else _is_taken_alone(result.assessment_id),
        )
        .order_by(table.c.registration_id)
        .with_for_update(key_share=True)
    )
    return [_registration(row) for row in found]


async def passed(tx: Transaction, registration: Registration) -> frozenset[UUID]:
    """The assessments that the learner has passed for the registration's course."""
    alone = exists().where(
        courses.c.course_id == registration.course_id,
        courses.c.kind == CourseKind.SELF_PACED.value,
        units.c.course_id == courses.c.course_id,
        units.c.assessment_id == results.c.assessment_id,
    )
    found = await tx.execute(
        select(results.c.assessment_id).where(
            results.c.person_id == registration.person_id,
            results.c.passed,
            or_(
                results.c.course_id == registration.course_id,
                and_(results.c.course_id.is_(None), alone),
            ),
        )
    )
    return frozenset(found.scalars())


def _is_taken_alone(assessment_id: UUID) -> ColumnElement[bool]:
    return exists().where(
        courses.c.course_id == table.c.course_id,
        courses.c.kind == CourseKind.SELF_PACED.value,
        units.c.course_id == table.c.course_id,
        units.c.assessment_id == assessment_id,
    )


def _registration(row: Row[*tuple[object, ...]]) -> Registration:
    return Registration(
        row.registration_id, row.person_id, row.course_id, row.created_at, row.completed_at
    )


def _my_course(row: Row[*tuple[object, ...]]) -> MyCourse:
    return MyCourse(
        course=course_of(row),
        registration=Registration(
            row.registration_id, row.person_id, row.course_id, row.registered_at, row.completed_at
        ),
        finished_unit_ids=tuple(sorted(row.finished or ())),
        unit_count=row.unit_count,
    )
