"""Courses, outlines, registrations, access to content and completion (`P3` to `P6`)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from proctorium_common.errors import Kind, ServiceError, Violation, invalid, not_found


class CourseKind(StrEnum):
    """Whether a course is led by a proctor or self-paced."""

    PROCTORED = "proctored"
    SELF_PACED = "self_paced"


class UnitKind(StrEnum):
    """The kinds of units of an outline."""

    LESSON = "lesson"
    LINK = "link"
    ASSESSMENT = "assessment"


@dataclass(frozen=True, slots=True)
class NewUnit:
    """A unit to create.

    The kind of the unit determines which of `markdown`, `url` and `assessment_id` has a value.
    """

    kind: UnitKind
    title: str
    markdown: str = ""
    url: str = ""
    assessment_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit of an outline, without the text of a lesson."""

    unit_id: UUID
    kind: UnitKind
    title: str
    url: str = ""
    assessment_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class NewCourse:
    """A course to create."""

    title: str
    description: str
    kind: CourseKind
    hours: float
    units: tuple[NewUnit, ...]
    awards_certificate: bool = False


@dataclass(frozen=True, slots=True)
class Course:
    """A course. `units` is its outline, which is empty in lists of courses."""

    course_id: UUID
    title: str
    description: str
    kind: CourseKind
    hours: float
    published_at: datetime | None
    units: tuple[Unit, ...] = ()
    awards_certificate: bool = False


@dataclass(frozen=True, slots=True)
class Registration:
    """The registration of a learner in a course."""

    registration_id: UUID
    person_id: UUID
    course_id: UUID
    created_at: datetime
    completed_at: datetime | None


@dataclass(frozen=True, slots=True)
class MyCourse:
    """A course of a learner, with the learner's progress."""

    course: Course
    registration: Registration
    finished_unit_ids: tuple[UUID, ...]
    unit_count: int


@dataclass(frozen=True, slots=True)
class Result:
    """The part of an assessment's result that decides whether a course is completed.

    `course_id` is None if the assessment was taken outside of a session.
    """

    result_id: UUID
    person_id: UUID
    assessment_id: UUID
    course_id: UUID | None
    passed: bool
    version: int


def require_content_open(kind: CourseKind, *, registered: bool, in_session: bool) -> None:
    """Raise an error unless the content of the course is open to the learner (`P4`, `P5`).

    Raises LEARNER_NOT_REGISTERED or PARTICIPANT_NOT_IN_SESSION.
    """
    if not registered:
        raise ServiceError(
            Kind.INVALID_STATE_TRANSITION,
            "LEARNER_NOT_REGISTERED",
            "You are not registered in this course. Please ask your administrator to register you.",
        )
    if kind is CourseKind.PROCTORED and not in_session:
        raise ServiceError(
            Kind.INVALID_STATE_TRANSITION,
            "PARTICIPANT_NOT_IN_SESSION",
            "This course's content opens when your session starts and closes when it ends. Please join with your enrollment code "
            "and wait in the lobby.",
        )


@dataclass(frozen=True, slots=True)
class NamedAssessment:
    """An assessment in the outline of a course."""

    proctored: bool
    published: bool


def require_usable_assessments(new: NewCourse, assessments: Mapping[UUID, NamedAssessment]) -> None:
    """Raise INVALID_REQUEST if the outline has an assessment that the course cannot use (`P3`).

    The error names the field of the unit. An assessment cannot be used if it does not exist (is not in `assessments`)
    or is not published. A self-paced course cannot use a proctored assessment, because no proctor authorises the
    learner.
    """
    violations = [
        Violation(f"units[{position}].assessment_id", f"assessment.{rule}", sentence)
        for position, unit in enumerate(new.units)
        if unit.assessment_id is not None
        and (fault := _fault(assessments.get(unit.assessment_id), new.kind)) is not None
        for rule, sentence in (fault,)
    ]
    if violations:
        raise invalid("INVALID_REQUEST", violations[0].description, violations=violations)


def _fault(assessment: NamedAssessment | None, kind: CourseKind) -> tuple[str, str] | None:
    if assessment is None:
        return "unknown", "There is no such assessment."
    if not assessment.published:
        return "published", "This assessment is not published yet. Publish it first."
    if assessment.proctored and kind is CourseKind.SELF_PACED:
        return (
            "proctored",
            "This assessment is proctored, so it needs a session, and a self-paced course has none. Choose another assessment.",
        )
    return None


def require_published(course: Course) -> None:
    """Raise COURSE_NOT_PUBLISHED unless the course is published."""
    if course.published_at is None:
        raise ServiceError(
            Kind.INVALID_STATE_TRANSITION,
            "COURSE_NOT_PUBLISHED",
            "This course is not published yet. Publish it first, then register learners.",
        )


def is_completed(
    units: Collection[Unit], finished: Collection[UUID], passed: Collection[UUID]
) -> bool:
    """Return whether a learner has completed `course`.

    A course with assessments in its outline is completed when the learner has passed all of them. A course without
    assessments is completed when all its units are finished, or when the learner has passed an assessment in one of its
    sessions. `finished` contains IDs of units. `passed` contains the IDs of the assessments that the learner passed for
    this course.
    """
    assessments = {unit.assessment_id for unit in units if unit.assessment_id is not None}
    if assessments:
        return assessments.issubset(passed)
    if passed:
        return True
    return bool(units) and {unit.unit_id for unit in units}.issubset(finished)


def no_such_course() -> ServiceError:
    """Return the error for a course that does not exist or that the caller must not see."""
    return not_found("NOT_FOUND", "There is no such course, or you may not see it.")


def no_such_unit() -> ServiceError:
    """Return the error for a unit that does not exist or that the caller must not see."""
    return not_found("NOT_FOUND", "There is no such lesson, or you may not see it.")
