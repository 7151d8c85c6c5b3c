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
from proctorium_enrollment.storage.courses import course_from_row
from proctorium_enrollment.storage.tables import courses, progress, results, units
from proctorium_enrollment.storage.tables import registrations as table


async def insert_registration(tx: Transaction, registration: Registration) -> bool:
    """Insert a registration. Return False if the person is already registered in the course."""
    new = insert(table).values(
        registration_id=registration.registration_id,
        person_id=registration.person_id,
        course_id=registration.course_id,
        created_at=registration.created_at,
    )
    rows = await tx.execute(
        new.on_conflict_do_nothing(constraint="uq_registrations_person_id_course_id").returning(
            table.c.registration_id
        )
    )
    return rows.first() is not None


async def get_registration(
    tx: Transaction, person_id: UUID, course_id: UUID
) -> Registration | None:
    """Return the person's registration in the course, or None if there is none."""
    return await _get(tx, person_id, course_id, select(table))


async def lock_registration(
    tx: Transaction, person_id: UUID, course_id: UUID
) -> Registration | None:
    """Lock and return the person's registration in the course, or None if there is none."""
    return await _get(tx, person_id, course_id, select(table).with_for_update(key_share=True))


async def list_learners_registered_after(
    tx: Transaction, course_id: UUID, time: datetime
) -> Sequence[UUID]:
    """Return the IDs of the learners who were registered in the course after the time `time`."""
    statement = select(table.c.person_id).where(
        table.c.course_id == course_id, table.c.created_at > time
    )
    return (await tx.execute(statement.order_by(table.c.person_id))).scalars().all()


async def list_registrations_in_course(
    tx: Transaction, course_id: UUID, after: tuple[datetime, UUID] | None, limit: int
) -> Sequence[Registration]:
    """Return at most `limit` registrations in the course, oldest first.

    If `after` is not None, the list starts after the registration with this time and ID.
    """
    statement = select(table).where(table.c.course_id == course_id)
    if after is not None:
        statement = statement.where(tuple_(table.c.created_at, table.c.registration_id) > after)
    ordered = statement.order_by(table.c.created_at, table.c.registration_id).limit(limit)
    return [_registration(row) for row in await tx.execute(ordered)]


async def get_my_course(tx: Transaction, person_id: UUID, course_id: UUID) -> MyCourse:
    """Return a course of the person with the person's progress."""
    rows = await tx.execute(_my_courses(person_id).where(table.c.course_id == course_id))
    return _my_course(rows.one())


async def list_my_courses(
    tx: Transaction, person_id: UUID, after: tuple[str, UUID] | None, limit: int
) -> Sequence[MyCourse]:
    """Return at most `limit` of the person's courses, ordered by title and ID.

    If `after` is not None, the list starts after the course with this title and ID.
    """
    statement = _my_courses(person_id).order_by(courses.c.title, courses.c.course_id).limit(limit)
    if after is not None:
        statement = statement.where(tuple_(courses.c.title, courses.c.course_id) > after)
    return [_my_course(row) for row in await tx.execute(statement)]


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


async def insert_progress(tx: Transaction, registration: Registration, unit_id: UUID) -> bool:
    """Record that the learner finished a unit of the course. Return False if this was recorded before."""
    new = insert(progress).values(
        registration_id=registration.registration_id,
        unit_id=unit_id,
        course_id=registration.course_id,
        finished_at=tx.now,
    )
    rows = await tx.execute(
        new.on_conflict_do_nothing(constraint="pk_progress").returning(progress.c.unit_id)
    )
    return rows.first() is not None


async def list_finished_units(tx: Transaction, registration_id: UUID) -> frozenset[UUID]:
    """Return the IDs of the units that the learner finished."""
    rows = await tx.execute(
        select(progress.c.unit_id).where(progress.c.registration_id == registration_id)
    )
    return frozenset(rows.scalars())


async def count_finished_units(tx: Transaction, registration_id: UUID) -> int:
    """Return the number of units that the learner finished."""
    statement = (
        select(func.count())
        .select_from(progress)
        .where(progress.c.registration_id == registration_id)
    )
    return int((await tx.execute(statement)).scalar_one())


async def set_completed(tx: Transaction, registration_id: UUID) -> None:
    """Set the time of completion of the registration to the current time."""
    await tx.execute(
        update(table).where(table.c.registration_id == registration_id).values(completed_at=tx.now)
    )


async def upsert_result(tx: Transaction, result: Result) -> None:
    """Insert or update a result, unless the same or a later version of the result is stored."""
    new = insert(results).values(
        result_id=result.result_id,
        person_id=result.person_id,
        assessment_id=result.assessment_id,
        course_id=result.course_id,
        passed=result.passed,
        version=result.version,
    )
    await tx.execute(
        new.on_conflict_do_update(
            constraint="pk_results",
            set_={"passed": new.excluded.passed, "version": new.excluded.version},
            where=results.c.version < new.excluded.version,
        )
    )


async def lock_registrations_of_result(tx: Transaction, result: Result) -> Sequence[Registration]:
    """Lock and return the learner's registrations for which the result counts.

    A result from a session counts for the course of the session. A result from outside of a session counts for the
    self-paced courses whose outline contains the assessment.
    """
    named = table.c.course_id == result.course_id
    rows = await tx.execute(
        select(table)
        .where(
            table.c.person_id == result.person_id,
            named if result.course_id is not None else _has_in_outline(result.assessment_id),
        )
        .order_by(table.c.registration_id)
        .with_for_update(key_share=True)
    )
    return [_registration(row) for row in rows]


async def list_passed_assessments(tx: Transaction, registration: Registration) -> frozenset[UUID]:
    """Return the IDs of the passed assessments that count for the registration's course."""
    in_outline = exists().where(
        courses.c.course_id == registration.course_id,
        courses.c.kind == CourseKind.SELF_PACED,
        units.c.course_id == courses.c.course_id,
        units.c.assessment_id == results.c.assessment_id,
    )
    rows = await tx.execute(
        select(results.c.assessment_id).where(
            results.c.person_id == registration.person_id,
            results.c.passed,
            or_(
                results.c.course_id == registration.course_id,
                and_(results.c.course_id.is_(None), in_outline),
            ),
        )
    )
    return frozenset(rows.scalars())


def _has_in_outline(assessment_id: UUID) -> ColumnElement[bool]:
    return exists().where(
        courses.c.course_id == table.c.course_id,
        courses.c.kind == CourseKind.SELF_PACED,
        units.c.course_id == table.c.course_id,
        units.c.assessment_id == assessment_id,
    )


async def _get(
    tx: Transaction, person_id: UUID, course_id: UUID, statement: Select[*tuple[object, ...]]
) -> Registration | None:
    rows = await tx.execute(
        statement.where(table.c.person_id == person_id, table.c.course_id == course_id)
    )
    row = rows.first()
    return None if row is None else _registration(row)


def _registration(row: Row[*tuple[object, ...]]) -> Registration:
    return Registration(
        row.registration_id, row.person_id, row.course_id, row.created_at, row.completed_at
    )


def _my_course(row: Row[*tuple[object, ...]]) -> MyCourse:
    return MyCourse(
        course=course_from_row(row),
        registration=Registration(
            row.registration_id, row.person_id, row.course_id, row.registered_at, row.completed_at
        ),
        finished_unit_ids=tuple(sorted(row.finished or ())),
        unit_count=row.unit_count,
    )
