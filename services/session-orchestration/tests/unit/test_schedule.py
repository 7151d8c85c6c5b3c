from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proctorium_common.errors import Kind, ServiceError
from proctorium_session.domain.schedule import (
    Course,
    Engagement,
    overlaps,
    require_certified_proctors,
    require_course,
    require_distinct_people,
    require_no_overlap,
    require_start_in_range,
)

from .builders import ASSESSMENT, NOON, make_plan

PROCTOR, OTHER = UUID(int=1), UUID(int=2)
minutes = st.integers(-300, 300).map(lambda each: NOON + timedelta(minutes=each))
lengths = st.integers(1, 240).map(lambda each: timedelta(minutes=each))


def engagement(start: datetime, length: timedelta, proctor: UUID = PROCTOR) -> Engagement:
    return Engagement(proctor, UUID(int=50), start, start + length)


@given(start=minutes, length=lengths, other=minutes, other_length=lengths)
def test_sessions_overlap_exactly_when_they_share_a_minute(
    start: datetime, length: timedelta, other: datetime, other_length: timedelta
) -> None:
    common = max(start, other) < min(start + length, other + other_length)
    plan = make_plan(start_time=start, duration=length)
    assert overlaps(plan, engagement(other, other_length)) == common


def test_session_may_start_when_another_ends() -> None:
    require_no_overlap(make_plan(), [engagement(NOON - timedelta(hours=1), timedelta(hours=1))])


def test_overlap_error_names_proctor_and_session() -> None:
    with pytest.raises(ServiceError) as refused:
        require_no_overlap(
            make_plan(),
            [
                engagement(NOON, timedelta(hours=1), OTHER),
                engagement(NOON - timedelta(minutes=59), timedelta(hours=1)),
            ],
        )
    assert refused.value.reason == "PROCTOR_OVERLAP"
    assert refused.value.metadata == {
        "person_id": str(PROCTOR),
        "session_id": str(UUID(int=50)),
    }


def test_start_in_the_past_is_refused_with_a_short_tolerance() -> None:
    require_start_in_range(make_plan(), NOON + timedelta(seconds=59))
    with pytest.raises(ServiceError) as refused:
        require_start_in_range(make_plan(), NOON + timedelta(seconds=61))
    assert refused.value.reason == "START_TIME_IN_PAST"


def test_start_at_the_end_of_the_calendar_is_refused() -> None:
    require_start_in_range(make_plan(), NOON - timedelta(days=36_500))
    with pytest.raises(ServiceError) as refused:
        require_start_in_range(make_plan(), NOON - timedelta(days=36_501))
    assert (refused.value.kind, refused.value.reason) == (Kind.INVALID, "START_TIME_TOO_FAR_AHEAD")
    assert [violation.field for violation in refused.value.violations] == ["plan.start_time"]


@pytest.mark.parametrize(
    "certified_until",
    [None, NOON, NOON - timedelta(days=1)],
    ids=["never", "until the start", "until yesterday"],
)
def test_every_proctor_must_be_certified_at_the_start(
    certified_until: datetime | None,
) -> None:
    plan = make_plan(proctor_ids=(PROCTOR, OTHER))
    certifications = {PROCTOR: NOON + timedelta(days=1)}
    if certified_until is not None:
        certifications[OTHER] = certified_until
    with pytest.raises(ServiceError) as refused:
        require_certified_proctors(plan, certifications)
    assert refused.value.reason == "PROCTOR_NOT_CERTIFIED"
    assert refused.value.metadata["person_id"] == str(OTHER)
    until = refused.value.metadata.get("certified_until")
    assert until == (certified_until and certified_until.isoformat())
    assert [violation.field for violation in refused.value.violations] == ["plan.proctor_ids[1]"]


def test_proctor_cannot_be_learner_of_the_same_session() -> None:
    plan = make_plan()
    with pytest.raises(ServiceError) as refused:
        require_distinct_people(plan, [UUID(int=99), plan.proctor_ids[0]])
    assert refused.value.reason == "INVALID_REQUEST"
    require_distinct_people(plan, [UUID(int=99)])


@pytest.mark.parametrize(
    ("course", "reason"),
    [
        (None, "COURSE_UNKNOWN"),
        (Course(make_plan().course_id, False, frozenset({ASSESSMENT}), 1), "COURSE_NOT_PUBLISHED"),
        (Course(make_plan().course_id, True, frozenset(), 1), "ASSESSMENT_NOT_IN_COURSE"),
        (Course(make_plan().course_id, True, frozenset({ASSESSMENT}), 1), None),
    ],
    ids=["none", "draft", "without the assessment", "with it"],
)
def test_assessments_must_be_in_the_course(course: Course | None, reason: str | None) -> None:
    if reason is None:
        require_course(make_plan(), course)
        return
    with pytest.raises(ServiceError) as refused:
        require_course(make_plan(), course)
    assert refused.value.reason == reason
