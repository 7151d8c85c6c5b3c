"""Tests of how the service handles the events of sessions."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from proctorium.assessment.events.v1 import events_pb2
from proctorium.assessment.v1 import assessments_pb2, attempts_pb2

from ..builders import assessment_proto
from .harness import Harness, Seat

WAITING: int = attempts_pb2.ATTEMPT_STATE_AWAITING_AUTHORIZATION
AUTHORIZED: int = attempts_pb2.ATTEMPT_STATE_AUTHORIZED
VOIDED: int = attempts_pb2.ATTEMPT_STATE_VOIDED
SUBMITTED: int = attempts_pb2.ATTEMPT_STATE_SUBMITTED
RELEASED: int = attempts_pb2.ATTEMPT_STATE_RELEASED


async def seat_of(harness: Harness, **assessment: Any) -> Seat:
    published = await harness.publish_assessment(assessment_proto(**assessment))
    return harness.seat(published.assessment_id)


async def states(harness: Harness, seat: Seat) -> list[int]:
    return [int(attempt.state) for attempt in await harness.attempts_of(seat)]


async def test_join_creates_one_attempt_for_each_assessment(harness: Harness) -> None:
    seat = await seat_of(harness)
    second = await harness.publish_assessment(assessment_proto(title="Chemistry"))
    event = seat.joined()
    event.assessment_ids.append(second.assessment_id)
    await harness.handle(event)
    await harness.handle(event)
    attempts = await harness.attempts_of(seat)
    assert sorted(attempt.title for attempt in attempts) == ["Chemistry", "Physics"]
    assert {attempt.state for attempt in attempts} == {WAITING}
    created = await harness.events(events_pb2.AttemptCreated)
    assert {event.item_count for event in created} == {4}
    assert len(created) == 2


async def test_authorisation_that_arrives_before_the_join_counts(harness: Harness) -> None:
    seat = await seat_of(harness)
    await harness.handle(seat.authorized())
    await harness.handle(seat.joined())
    assert await states(harness, seat) == [AUTHORIZED]
    assert len(await harness.events(events_pb2.AttemptCreated)) == 1
    assert len(await harness.events(events_pb2.AttemptAuthorized)) == 1


EVENTS = ("scheduled", "joined", "authorized", "ended", "removed", "ended_for")


@pytest.mark.parametrize("order", list(permutations(EVENTS, 2)), ids="-".join)
async def test_pairs_of_events_arrive_in_any_order_and_repeatedly(
    harness: Harness, order: tuple[str, str]
) -> None:
    straight, swapped = await seat_of(harness), await seat_of(harness)
    for seat, names in ((straight, order), (swapped, (order[1], order[0]))):
        for name in (*names, *names):
            await harness.handle(getattr(seat, name)())
        for name in EVENTS:
            await harness.handle(getattr(seat, name)())
    for seat in (straight, swapped):
        over = [state for state in await states(harness, seat) if state != VOIDED]
        assert not over, "after the end nothing is open, whatever came when"


async def test_end_of_the_session_submits_started_attempts_and_voids_others(
    harness: Harness,
) -> None:
    seat = await harness.started()
    waiting = harness.seat(str(seat.assessment_id))
    waiting.session_id = seat.session_id
    await harness.handle(waiting.joined())
    await seat.save(seat.change(1, 0), seat.change(2, 2))
    await harness.handle(seat.ended())
    await harness.handle(seat.ended())

    attempt = await seat.attempt()
    assert attempt.state == RELEASED
    assert attempt.submit_cause == attempts_pb2.SUBMIT_CAUSE_SESSION_ENDED
    assert sorted(await states(harness, seat)) == sorted((RELEASED, VOIDED))
    (submission,) = await harness.events(events_pb2.AttemptSubmitted)
    assert (submission.answered_count, submission.item_count) == (2, 4)
    assert submission.cause == attempts_pb2.SUBMIT_CAUSE_SESSION_ENDED
    (voided,) = await harness.events(events_pb2.AttemptVoided)
    assert (voided.session_id, voided.participant_id) == (
        str(seat.session_id),
        str(waiting.participant_id),
    )
    (result,) = await harness.events(events_pb2.ResultReleased)
    assert result.course_id == str(seat.course_id)
    assert result.passed, "4 of 8 points at a pass mark of a half"


async def test_older_authorisation_does_not_reopen_a_submitted_attempt(harness: Harness) -> None:
    seat = await harness.started()
    await seat.submit()
    await harness.handle(seat.authorized())
    assert await states(harness, seat) == [SUBMITTED]


async def test_assessment_that_is_published_after_the_join_can_be_taken(harness: Harness) -> None:
    stub = harness.administrator.assessments
    draft = await stub.CreateAssessment(
        assessments_pb2.CreateAssessmentRequest(assessment=assessment_proto())
    )
    assessment_id = draft.assessment.assessment_id
    seat = harness.seat(assessment_id)
    await harness.handle(seat.joined())
    await harness.handle(seat.authorized())
    (attempt,) = await harness.attempts_of(seat)
    seat.attempt_id = attempt.attempt_id

    error = await harness.refused(seat.start)
    assert error.reason == "ASSESSMENT_NOT_PUBLISHED"
    await stub.PublishAssessment(
        assessments_pb2.PublishAssessmentRequest(assessment_id=assessment_id)
    )
    assert (await seat.start()).item_count == 4
