"""Tests of self-paced attempts."""

from __future__ import annotations

from datetime import timedelta
from itertools import permutations
from typing import Any
from uuid import UUID

import pytest

from proctorium.assessment.v1 import attempts_pb2, results_pb2
from proctorium.enrollment.events.v1 import events_pb2 as enrollment_events
from proctorium.enrollment.v1 import courses_pb2
from proctorium_common.errors import Kind
from proctorium_common.ids import new_id
from proctorium_devstack.testing.refusals import refusal

from ..builders import assessment_proto
from .harness import Harness, Person

SELF_PACED = courses_pb2.COURSE_KIND_SELF_PACED
PROCTORED = courses_pb2.COURSE_KIND_PROCTORED


async def published(harness: Harness, **assessment: Any) -> str:
    made = await harness.publish_assessment(assessment_proto(**{"proctored": False, **assessment}))
    return made.assessment_id


def course(
    course_id: UUID, *assessment_ids: str, kind: courses_pb2.CourseKind.ValueType = SELF_PACED
) -> enrollment_events.CoursePublished:
    return enrollment_events.CoursePublished(
        course_id=str(course_id),
        title="Reading a safety data sheet",
        kind=kind,
        hours=1,
        assessment_ids=assessment_ids,
    )


def registration(course_id: UUID, learner: Person) -> enrollment_events.RegistrationCreated:
    return enrollment_events.RegistrationCreated(
        registration_id=str(new_id()),
        person_id=str(learner.person_id),
        course_id=str(course_id),
    )


async def create(learner: Person, assessment_id: str) -> attempts_pb2.Attempt:
    request = attempts_pb2.CreateAttemptRequest(assessment_id=assessment_id)
    return (await learner.attempts.CreateAttempt(request)).attempt


async def take(learner: Person, attempt_id: str) -> None:
    await learner.attempts.StartAttempt(attempts_pb2.StartAttemptRequest(attempt_id=attempt_id))
    await learner.attempts.SubmitAttempt(attempts_pb2.SubmitAttemptRequest(attempt_id=attempt_id))


async def test_registered_learner_takes_a_self_paced_assessment_once(harness: Harness) -> None:
    learner, course_id = harness.person(), new_id()
    assessment_id = await published(harness)
    await harness.handle(course(course_id, assessment_id))
    await harness.handle(registration(course_id, learner))

    made = await create(learner, assessment_id)
    assert made.state == attempts_pb2.ATTEMPT_STATE_AUTHORIZED
    assert (await create(learner, assessment_id)).attempt_id == made.attempt_id
    await take(learner, made.attempt_id)
    request = results_pb2.GetResultRequest(attempt_id=made.attempt_id)
    result = (await learner.results.GetResult(request)).result
    assert {each.item.feedback for each in result.item_results} >= {"9.81", "true"}

    error = await harness.refused(create, learner, assessment_id)
    assert (error.kind, error.reason) == (Kind.INVALID_STATE_TRANSITION, "ATTEMPT_ALREADY_TAKEN")


async def test_self_paced_attempt_after_one_in_a_session_is_refused(harness: Harness) -> None:
    seat = await harness.started(proctored=False)
    await seat.submit()
    await harness.handle(course(seat.course_id, str(seat.assessment_id)))
    await harness.handle(registration(seat.course_id, seat.learner))
    error = await harness.refused(create, seat.learner, str(seat.assessment_id))
    assert error.reason == "ATTEMPT_ALREADY_TAKEN"


async def test_self_paced_attempt_without_registration_is_refused(harness: Harness) -> None:
    learner, registered, course_id, other_course_id = (
        harness.person(),
        harness.person(),
        new_id(),
        new_id(),
    )
    assessment_id = await published(harness)
    assert (
        await harness.refused(create, learner, assessment_id)
    ).reason == "LEARNER_NOT_REGISTERED"

    await harness.handle(course(course_id, assessment_id))
    await harness.handle(course(other_course_id, await published(harness)))
    await harness.handle(registration(course_id, registered))
    await harness.handle(registration(other_course_id, learner))
    error = await harness.refused(create, learner, assessment_id)
    assert (error.kind, error.reason) == (Kind.INVALID_STATE_TRANSITION, "LEARNER_NOT_REGISTERED")
    assert "administrator" in error.message


async def test_self_paced_attempt_in_a_proctored_course_is_refused(harness: Harness) -> None:
    learner, proctored_id, self_paced_id = harness.person(), new_id(), new_id()
    assessment_id = await published(harness)
    await harness.handle(course(proctored_id, assessment_id, kind=PROCTORED))
    await harness.handle(registration(proctored_id, learner))
    assert (
        await harness.refused(create, learner, assessment_id)
    ).reason == "ASSESSMENT_IS_PROCTORED"

    await harness.handle(course(self_paced_id, assessment_id))
    assert (await refusal(create(learner, assessment_id))).reason == "LEARNER_NOT_REGISTERED"
    await harness.handle(registration(self_paced_id, learner))
    assert (await create(learner, assessment_id)).attempt_id


async def test_self_paced_attempt_at_a_proctored_assessment_is_refused(harness: Harness) -> None:
    learner, course_id = harness.person(), new_id()
    assessment_id = await published(harness, proctored=True)
    await harness.handle(course(course_id, assessment_id))
    await harness.handle(registration(course_id, learner))
    assert (
        await harness.refused(create, learner, assessment_id)
    ).reason == "ASSESSMENT_IS_PROCTORED"


@pytest.mark.parametrize("order", list(permutations(("course", "registration"))), ids="-".join)
async def test_course_and_registration_arrive_in_any_order_and_repeatedly(
    harness: Harness, order: tuple[str, ...]
) -> None:
    learner, course_id = harness.person(), new_id()
    assessment_id = await published(harness)
    events = {
        "course": course(course_id, assessment_id),
        "registration": registration(course_id, learner),
    }
    for name in (*order, *order):
        await harness.handle(events[name])
    assert (await create(learner, assessment_id)).attempt_id
    assert len(await harness.rows("SELECT 1 FROM registrations")) == 1


async def test_accommodation_extends_a_self_paced_attempt(harness: Harness) -> None:
    learner, course_id = harness.person(), new_id()
    assessment_id = await published(harness)
    await harness.handle(course(course_id, assessment_id))
    await harness.handle(registration(course_id, learner))
    for revision, percent in ((1, 25), (2, 50)):
        await harness.handle(
            enrollment_events.PersonAccommodationsChanged(
                person_id=learner.id, revision=revision, extra_time_percent=percent
            )
        )
        attempt = await create(learner, assessment_id)
        assert attempt.time_limit.ToTimedelta() == timedelta(minutes=60 * (100 + percent) / 100)
        # The second change applies to the attempt in progress.
        request = attempts_pb2.StartAttemptRequest(attempt_id=attempt.attempt_id)
        started = (await learner.attempts.StartAttempt(request)).attempt
        limit = started.deadline_time.ToDatetime() - started.start_time.ToDatetime()
        assert limit == attempt.time_limit.ToTimedelta()
