"""The rules for a session plan (`S1`)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from proctorium_session.domain.errors import (
    failed_precondition,
    failed_precondition_at,
    invalid_at,
)
from proctorium_session.domain.sessions import Plan

LOBBY_LEAD = timedelta(minutes=30)
"""The default time from the opening of the lobby to the start of the session."""

LATE_ENTRY_LIMIT = timedelta(minutes=15)
"""The default time after the start of the session in which new learners may join."""

PAST_TOLERANCE = timedelta(minutes=1)
"""The maximum time by which the planned start may be in the past.

Filling in a form takes time, and clocks differ.
"""

MAX_LEAD = timedelta(days=36_500)
"""The maximum time by which the planned start may be in the future.

Without a maximum, the end could be too late to be stored.
"""


@dataclass(frozen=True, slots=True)
class Engagement:
    """An existing session of the proctor `proctor_id`.

    The session lasts from its planned start (inclusive) to its planned end (exclusive).
    """

    proctor_id: UUID
    session_id: UUID
    start_time: datetime
    end_time: datetime


@dataclass(frozen=True, slots=True)
class Course:
    """A course, the assessments in its outline, and the number of units of the outline."""

    course_id: UUID
    published: bool
    assessment_ids: frozenset[UUID]
    unit_count: int


def require_course(plan: Plan, course: Course | None) -> Course:
    """Return the course, if it is published and its outline contains the assessments.

    Raises COURSE_UNKNOWN if `course` is None, COURSE_NOT_PUBLISHED, or ASSESSMENT_NOT_IN_COURSE.
    """
    course_id = str(plan.course_id)
    if course is None:
        raise failed_precondition_at(
            "plan.course_id",
            "COURSE_UNKNOWN",
            "There is no such course. Choose one from the list of courses.",
            course_id=course_id,
        )
    if not course.published:
        raise failed_precondition_at(
            "plan.course_id",
            "COURSE_NOT_PUBLISHED",
            "The course is not published yet, so nobody could take it. Publish it first.",
            course_id=course_id,
        )
    for index, assessment_id in enumerate(plan.assessment_ids):
        if assessment_id not in course.assessment_ids:
            raise failed_precondition_at(
                f"plan.assessment_ids[{index}]",
                "ASSESSMENT_NOT_IN_COURSE",
                "An assessment of the plan is not in the outline of the course. "
                "Choose assessments that the course has.",
                course_id=course_id,
                assessment_id=str(assessment_id),
            )
    return course


@dataclass(frozen=True, slots=True)
class Assessment:
    """An existing assessment. `published` says whether it is published."""

    assessment_id: UUID
    published: bool


def require_assessments(plan: Plan, existing: Mapping[UUID, Assessment]) -> None:
    """Raise an error for the first assessment that does not exist or is not published (`S1`).

    Raises ASSESSMENT_UNKNOWN or ASSESSMENT_NOT_PUBLISHED.
    """
    for index, assessment_id in enumerate(plan.assessment_ids):
        field = f"plan.assessment_ids[{index}]"
        assessment = existing.get(assessment_id)
        if assessment is None:
            raise failed_precondition_at(
                field,
                "ASSESSMENT_UNKNOWN",
                "There is no such assessment. Choose one from the course's outline.",
                assessment_id=str(assessment_id),
            )
        if not assessment.published:
            raise failed_precondition_at(
                field,
                "ASSESSMENT_NOT_PUBLISHED",
                "This assessment is not published yet, so nobody could take it. Publish it first.",
                assessment_id=str(assessment_id),
            )


def require_start_in_range(plan: Plan, now: datetime) -> None:
    """Raise an error if the planned start is too far in the past or in the future.

    Raises START_TIME_IN_PAST or START_TIME_TOO_FAR_AHEAD.
    """
    if plan.start_time < now - PAST_TOLERANCE:
        raise invalid_at(
            "plan.start_time",
            "START_TIME_IN_PAST",
            "The session would start in the past. Choose a later start time.",
        )
    if plan.start_time > now + MAX_LEAD:
        raise invalid_at(
            "plan.start_time",
            "START_TIME_TOO_FAR_AHEAD",
            "The session would start in more than a hundred years. Check the year.",
        )


def require_distinct_people(plan: Plan, learner_ids: Collection[UUID]) -> None:
    """Raise an error if a proctor is also a learner or there are more learners than seats.

    Raises INVALID_REQUEST for a proctor who is also a learner, and TOO_MANY_LEARNERS.
    """
    learners = frozenset(learner_ids)
    for index, proctor_id in enumerate(plan.proctor_ids):
        if proctor_id in learners:
            raise invalid_at(
                _proctor_field(index),
                "INVALID_REQUEST",
                "This person is both a proctor and a learner of this session. "
                "Choose one of the two for them.",
                person_id=str(proctor_id),
            )
    if len(learner_ids) > plan.capacity:
        raise invalid_at(
            "plan.capacity",
            "TOO_MANY_LEARNERS",
            f"More learners are invited ({len(learner_ids)}) than the session has seats ({plan.capacity}). "
            "Give it more seats, or plan another session for some of them.",
            learners=str(len(learner_ids)),
            capacity=str(plan.capacity),
        )


def require_existing_learners(unknown: Sequence[UUID]) -> None:
    """Raise LEARNER_UNKNOWN if an invited learner does not exist.

    Each invited learner has a reserved seat, which nobody could take if the learner does not exist.
    """
    if unknown:
        raise failed_precondition_at(
            "plan.learner_ids",
            "LEARNER_UNKNOWN",
            "One of these learners does not exist. Choose learners from the list of people.",
            learner_id=str(unknown[0]),
        )


def require_certified(proctor_id: UUID, certified_until: datetime | None, at: datetime) -> None:
    """Raise PROCTOR_NOT_CERTIFIED unless the proctor is certified at the given time (`P1`)."""
    if certified_until is None or certified_until <= at:
        raise failed_precondition(
            "PROCTOR_NOT_CERTIFIED",
            "The proctor holds no certification that is valid at the time of the session. "
            "Ask an administrator to certify them, or choose another proctor.",
            person_id=str(proctor_id),
        )


def require_certified_proctors(plan: Plan, certified_until: Mapping[UUID, datetime]) -> None:
    """Raise PROCTOR_NOT_CERTIFIED for the first proctor who is not certified at the planned start."""
    for index, proctor_id in enumerate(plan.proctor_ids):
        until = certified_until.get(proctor_id)
        if until is not None and until > plan.start_time:
            continue
        person = {"person_id": str(proctor_id)}
        if until is None:
            raise failed_precondition_at(
                _proctor_field(index),
                "PROCTOR_NOT_CERTIFIED",
                "This person is not certified as a proctor. Certify them, or choose another proctor.",
                **person,
            )
        raise failed_precondition_at(
            _proctor_field(index),
            "PROCTOR_NOT_CERTIFIED",
            f"This proctor is certified until {until:%Y-%m-%d %H:%M} UTC, and the session starts later. "
            "Certify them for longer, or choose another proctor.",
            **person,
            certified_until=until.isoformat(),
        )


def _proctor_field(index: int) -> str:
    return f"plan.proctor_ids[{index}]"


def overlaps(plan: Plan, engagement: Engagement) -> bool:
    """Return whether the plan and the engagement overlap.

    They do not overlap if one of them starts at the time at which the other one ends.
    """
    return plan.start_time < engagement.end_time and engagement.start_time < plan.planned_end


def require_no_overlap(plan: Plan, engagements: Iterable[Engagement]) -> None:
    """Raise PROCTOR_OVERLAP for the first engagement that overlaps with the plan."""
    for engagement in engagements:
        if engagement.proctor_id in plan.proctor_ids and overlaps(plan, engagement):
            raise failed_precondition_at(
                _proctor_field(plan.proctor_ids.index(engagement.proctor_id)),
                "PROCTOR_OVERLAP",
                "This proctor has another session at that time. "
                "Choose another time or another proctor.",
                person_id=str(engagement.proctor_id),
                session_id=str(engagement.session_id),
            )
