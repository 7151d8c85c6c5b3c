"""Courses, their outlines, who is registered in them, when their content is open and when they are completed (`P3` to `P6`)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from uuid import UUID

from proctorium_common.errors import Kind, ServiceError, Violation, invalid, not_found


class CourseKind(Enum):
    """How a course is taken."""

    PROCTORED = "proctored"
    SELF_PACED = "self_paced"


class UnitKind(Enum):
    """What a unit of an outline is."""

    LESSON = "lesson"
    LINK = "link"
    ASSESSMENT = "assessment"


@dataclass(frozen=True)
class NewUnit:
    """A unit as it is written; of the last three the one that its kind needs."""

    kind: UnitKind
    title: str
    markdown: str = ""
    url: str = ""
    assessment_id: UUID | None = None


@dataclass(frozen=True)
class Unit:
    """A unit as it is listed."""

    unit_id: UUID
    kind: UnitKind
    title: str
    url: str = ""
    assessment_id: UUID | None = None


@dataclass(frozen=True)
class NewCourse:
    """A course as it is written."""

    title: str
    description: str
    kind: CourseKind
    hours: float
    units: tuple[NewUnit, ...]
    awards_certificate: bool = False


@dataclass(frozen=True)
class Course:
    """A course; `units` is its outline, empty where only the course itself was asked for."""

    course_id: UUID
    title: str
    description: str
    kind: CourseKind
    hours: float
    publish_time: datetime | None
    units: tuple[Unit, ...] = ()
    awards_certificate: bool = False


@dataclass(frozen=True)
class Registration:
    """A learner in a course."""

    registration_id: UUID
    person_id: UUID
    course_id: UUID
    create_time: datetime
    complete_time: datetime | None


@dataclass(frozen=True)
class MyCourse:
    """One of a learner's courses, with progress."""

    course: Course
    registration: Registration
    finished_unit_ids: tuple[UUID, ...]
    unit_count: int


@dataclass(frozen=True)
class Result:
    """What completion needs of an assessment's result; `course_id` is None for one that was taken alone."""

    result_id: UUID
    person_id: UUID
    assessment_id: UUID
    course_id: UUID | None
    passed: bool
    version: int


def require_open(kind: CourseKind, *, registered: bool, in_session: bool) -> None:
    """Raises LEARNER_NOT_REGISTERED or PARTICIPANT_NOT_IN_SESSION where a learner may not see a course's content (`P4`, `P5`)."""
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
            "This course's content opens when your session begins and closes when it ends. Please join with your enrollment code "
            "and wait in the lobby.",
        )


@dataclass(frozen=True, slots=True)
class KnownAssessment:
    """What an outline must know about an assessment that it names."""

    proctored: bool
    published: bool


def check_assessments(new: NewCourse, known: Mapping[UUID, KnownAssessment]) -> None:
    """Check the assessments that the outline of `new` names; `known` are those that exist.

    Raises INVALID_REQUEST, at the unit's field, for one that does not exist or is not published, and for a proctored one in a
    self-paced course, where no proctor could ever authorise it (`P3`).
    """
    violations = [
        Violation(f"units[{place}].assessment_id", f"assessment.{rule}", sentence)
        for place, unit in enumerate(new.units)
        if unit.assessment_id is not None
        and (found := _fault_of(known.get(unit.assessment_id), new.kind)) is not None
        for rule, sentence in (found,)
    ]
    if violations:
        raise invalid("INVALID_REQUEST", violations[0].description, violations=violations)


def _fault_of(assessment: KnownAssessment | None, kind: CourseKind) -> tuple[str, str] | None:
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
    """Raises COURSE_NOT_PUBLISHED."""
    if course.publish_time is None:
        raise ServiceError(
            Kind.INVALID_STATE_TRANSITION,
            "COURSE_NOT_PUBLISHED",
            "This course is not published yet. Publish it first, then register learners.",
        )


def is_completed(
    units: Collection[Unit], finished: Collection[UUID], passed: Collection[UUID]
) -> bool:
    """Whether a learner has completed the course: passed all its assessments, or without any, finished all its units.

    `finished` are unit ids, `passed` the assessments that were passed for this course. A pass in an assessment that the outline does not
    name completes a course whose outline names none: its session brought the assessment along.
    """
    needed = {unit.assessment_id for unit in units if unit.assessment_id is not None}
    if needed:
        return needed.issubset(passed)
    if passed:
        return True
    return bool(units) and {unit.unit_id for unit in units}.issubset(finished)


def no_such_course() -> ServiceError:
    """NOT_FOUND: there is none, or the caller may not see it."""
    return not_found("NOT_FOUND", "There is no such course, or you may not see it.")


def no_such_unit() -> ServiceError:
    """NOT_FOUND: there is none, or the caller may not see it."""
    return not_found("NOT_FOUND", "There is no such lesson, or you may not see it.")
