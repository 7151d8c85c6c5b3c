"""The rules for a session plan (`S1`)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from proctorium_session.domain.refusals import invalid_at, refused, refused_at
from proctorium_session.domain.sessions import Plan

LOBBY_LEAD = timedelta(minutes=30)
"""How long before the start a lobby opens where the plan does not say."""

LATE_ENTRY_LIMIT = timedelta(minutes=15)
"""How long after the start new learners may join where the plan does not say."""

TOLERANCE = timedelta(minutes=1)
"""How far in the past a start may lie: filling in a form takes a moment, and clocks differ."""

FARTHEST = timedelta(days=36_500)
"""How far ahead a session may start. Beyond the end of the calendar, its end could not be stored."""


@dataclass(frozen=True, slots=True)
class Engagement:
    """Another session of a proctor; planned times, the end excluded."""

    proctor_id: UUID
    session_id: UUID
    start_time: datetime
    end_time: datetime


@dataclass(frozen=True, slots=True)
class Course:
    """A course that sessions are planned of, and the assessments that its outline names."""

    course_id: UUID
    published: bool
    assessment_ids: frozenset[UUID]


def check_course(plan: Plan, course: Course | None) -> None:
    """Raises COURSE_UNKNOWN, COURSE_NOT_PUBLISHED, ASSESSMENT_NOT_IN_COURSE; `course` is None where there is none of the plan's id."""
    course_id = str(plan.course_id)
    if course is None:
        raise refused_at(
            "plan.course_id",
            "COURSE_UNKNOWN",
            "There is no such course. Choose one from the list of courses.",
            course_id=course_id,
        )
    if not course.published:
        raise refused_at(
            "plan.course_id",
            "COURSE_NOT_PUBLISHED",
            "The course is not published yet, so nobody could take it. Publish it first.",
            course_id=course_id,
        )
    for place, assessment_id in enumerate(plan.assessment_ids):
        if assessment_id not in course.assessment_ids:
            raise refused_at(
                f"plan.assessment_ids[{place}]",
                "ASSESSMENT_NOT_IN_COURSE",
                "An assessment of the plan is not in the outline of the course. "
                "Choose assessments that the course has.",
                course_id=course_id,
                assessment_id=str(assessment_id),
            )


@dataclass(frozen=True, slots=True)
class Assessment:
    """An assessment that exists, as far as a plan depends on it."""

    assessment_id: UUID
    published: bool


def check_assessments(plan: Plan, known: Mapping[UUID, Assessment]) -> None:
    """Raise ASSESSMENT_UNKNOWN or ASSESSMENT_NOT_PUBLISHED for the first assessment of the plan that cannot be taken (`S1`)."""
    for place, assessment_id in enumerate(plan.assessment_ids):
        field = f"plan.assessment_ids[{place}]"
        found = known.get(assessment_id)
        if found is None:
            raise refused_at(
                field,
                "ASSESSMENT_UNKNOWN",
                "There is no such assessment. Choose one from the course's outline.",
                assessment_id=str(assessment_id),
            )
        if not found.published:
            raise refused_at(
                field,
                "ASSESSMENT_NOT_PUBLISHED",
                "This assessment is not published yet, so nobody could take it. Publish it first.",
                assessment_id=str(assessment_id),
            )


def check_start(plan: Plan, now: datetime) -> None:
    """Raises START_TIME_IN_PAST, START_TIME_TOO_FAR_AHEAD."""
    if plan.start_time < now - TOLERANCE:
        raise invalid_at(
            "plan.start_time",
            "START_TIME_IN_PAST",
            "The session would begin in the past. Choose a later start time.",
        )
    if plan.start_time > now + FARTHEST:
        raise invalid_at(
            "plan.start_time",
            "START_TIME_TOO_FAR_AHEAD",
            "The session would begin in more than a hundred years. Check the year.",
        )


def check_people(plan: Plan, learner_ids: Collection[UUID]) -> None:
    """Raise INVALID_REQUEST for a person who is both proctor and learner, TOO_MANY_LEARNERS for more learners than seats."""
    learners = frozenset(learner_ids)
    for place, proctor_id in enumerate(plan.proctor_ids):
        if proctor_id in learners:
            raise invalid_at(
                _proctor_field(place),
                "INVALID_REQUEST",
                "This person is both a proctor and a learner of this session. "
                "Choose one of the two for them.",
                person_id=str(proctor_id),
            )
    if len(learner_ids) > plan.capacity:
        raise invalid_at(
            "plan.capacity",
            "TOO_MANY_LEARNERS",
            f"More learners are expected ({len(learner_ids)}) than the session has places ({plan.capacity}). "
            "Give it more places, or plan another session for some of them.",
            learners=str(len(learner_ids)),
            capacity=str(plan.capacity),
        )


def check_known(unknown: Sequence[UUID]) -> None:
    """Raise LEARNER_UNKNOWN for the first learner who does not exist: a seat would be reserved for nobody."""
    if unknown:
        raise refused_at(
            "plan.learner_ids",
            "LEARNER_UNKNOWN",
            "There is no person with the id of one of these learners. Choose learners from the list of people.",
            learner_id=str(unknown[0]),
        )


def check_certified(proctor_id: UUID, certified_until: datetime | None, at: datetime) -> None:
    """Raises PROCTOR_NOT_CERTIFIED unless the certification holds at that time (`P1`)."""
    if certified_until is None or certified_until <= at:
        raise refused(
            "PROCTOR_NOT_CERTIFIED",
            "The proctor holds no certification that is valid at the time of the session. "
            "Ask an administrator to certify them, or choose another proctor.",
            person_id=str(proctor_id),
        )


def check_certifications(plan: Plan, certified_until: Mapping[UUID, datetime]) -> None:
    """Raises PROCTOR_NOT_CERTIFIED for the first proctor of the plan who is not certified when it is to begin."""
    for place, proctor_id in enumerate(plan.proctor_ids):
        until = certified_until.get(proctor_id)
        if until is not None and until > plan.start_time:
            continue
        person = {"person_id": str(proctor_id)}
        if until is None:
            raise refused_at(
                _proctor_field(place),
                "PROCTOR_NOT_CERTIFIED",
                "This person is not certified as a proctor. Certify them, or choose another proctor.",
                **person,
            )
        raise refused_at(
            _proctor_field(place),
            "PROCTOR_NOT_CERTIFIED",
            f"This proctor is certified until {until:%Y-%m-%d %H:%M} UTC, and the session begins later. "
            "Certify them for longer, or choose another proctor.",
            **person,
            certified_until=until.isoformat(),
        )


def _proctor_field(place: int) -> str:
    return f"plan.proctor_ids[{place}]"


def overlaps(plan: Plan, engagement: Engagement) -> bool:
    """Whether both would run at one time; a session may begin when another ends."""
    return plan.start_time < engagement.end_time and engagement.start_time < plan.planned_end


def check_overlap(plan: Plan, engagements: Iterable[Engagement]) -> None:
    """Raises PROCTOR_OVERLAP for the first of the engagements that the plan runs into."""
    for engagement in engagements:
        if engagement.proctor_id in plan.proctor_ids and overlaps(plan, engagement):
            raise refused_at(
                _proctor_field(plan.proctor_ids.index(engagement.proctor_id)),
                "PROCTOR_OVERLAP",
                "This proctor has another session at that time. "
                "Choose another time or another proctor.",
                person_id=str(engagement.proctor_id),
                session_id=str(engagement.session_id),
            )
