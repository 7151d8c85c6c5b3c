"""Tests of the completion of courses, and access to their content."""

from __future__ import annotations

from uuid import UUID

import pytest

from proctorium_common.errors import ServiceError
from proctorium_common.ids import new_id
from proctorium_enrollment.domain.courses import (
    CourseKind,
    Unit,
    UnitKind,
    is_completed,
    require_content_open,
)

LESSON, FURTHER = (Unit(new_id(), UnitKind.LESSON, "A lesson") for _ in range(2))
A, B, ELSEWHERE = new_id(), new_id(), new_id()
EXAM, SECOND_EXAM = (
    Unit(new_id(), UnitKind.ASSESSMENT, "Examination", assessment_id=id) for id in (A, B)
)


@pytest.mark.parametrize(
    ("units", "finished", "passed", "completed"),
    [
        pytest.param([LESSON, EXAM], [], {A}, True, id="its assessment was passed"),
        pytest.param([LESSON, EXAM], [LESSON], set(), False, id="lessons alone are not enough"),
        pytest.param([EXAM], [], {ELSEWHERE}, False, id="another assessment is not enough"),
        pytest.param([EXAM, SECOND_EXAM], [], {A}, False, id="one of two"),
        pytest.param([EXAM, SECOND_EXAM], [], {A, B}, True, id="both"),
        pytest.param([LESSON, FURTHER], [LESSON], set(), False, id="one lesson of two"),
        pytest.param([LESSON, FURTHER], [LESSON, FURTHER], set(), True, id="all lessons"),
        pytest.param([LESSON], [], {ELSEWHERE}, True, id="an assessment of the session was passed"),
        pytest.param([], [], set(), False, id="an empty outline cannot be completed"),
    ],
)
def test_completion_of_a_course(
    units: list[Unit], finished: list[Unit], passed: set[UUID], completed: bool
) -> None:
    assert is_completed(units, {unit.unit_id for unit in finished}, passed) is completed


@pytest.mark.parametrize(
    ("kind", "registered", "in_session", "reason"),
    [
        (CourseKind.SELF_PACED, True, False, None),
        (CourseKind.SELF_PACED, False, False, "LEARNER_NOT_REGISTERED"),
        (CourseKind.PROCTORED, True, True, None),
        (CourseKind.PROCTORED, True, False, "PARTICIPANT_NOT_IN_SESSION"),
        (CourseKind.PROCTORED, False, True, "LEARNER_NOT_REGISTERED"),
    ],
    ids=[
        "self-paced",
        "self-paced, not registered",
        "in session",
        "not in session",
        "in session, not registered",
    ],
)
def test_access_to_content(
    kind: CourseKind, registered: bool, in_session: bool, reason: str | None
) -> None:
    if reason is None:
        require_content_open(kind, registered=registered, in_session=in_session)
        return
    with pytest.raises(ServiceError) as refused:
        require_content_open(kind, registered=registered, in_session=in_session)
    assert refused.value.reason == reason
