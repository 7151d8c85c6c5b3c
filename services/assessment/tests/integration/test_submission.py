"""Tests of starting, submitting and scoring attempts."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from proctorium.assessment.events.v1 import events_pb2
from proctorium.assessment.v1 import attempts_pb2, items_pb2, results_pb2
from proctorium_devstack.testing.waiting import until

from .harness import Harness, Seat

SUBMITTED = attempts_pb2.ATTEMPT_STATE_SUBMITTED


async def result_of(seat: Seat) -> results_pb2.Result:
    request = results_pb2.GetResultRequest(attempt_id=seat.attempt_id)
    return (await seat.learner.results.GetResult(request)).result


async def submitted(seat: Seat) -> attempts_pb2.Attempt:
    async def look() -> attempts_pb2.Attempt | None:
        attempt = await seat.attempt()
        return attempt if attempt.state == SUBMITTED else None

    found = await until(look)
    assert found is not None
    return found


async def test_repeated_submission_changes_nothing(harness: Harness) -> None:
    seat = await harness.started()
    await seat.save(seat.change(1, 0))
    first = await seat.submit()
    before = await harness.state()
    again = await seat.submit()
    assert (again.state, again.submit_time) == (first.state, first.submit_time)
    assert await harness.state() == before
    assert len(await harness.events(events_pb2.AttemptSubmitted)) == 1


async def test_concurrent_submissions_create_one_result(harness: Harness) -> None:
    seat = await harness.started()
    await asyncio.gather(*(seat.submit() for _ in range(5)))
    await harness.handle(seat.ended())
    assert len(await harness.events(events_pb2.AttemptSubmitted)) == 1
    assert len(await harness.rows("SELECT 1 FROM results")) == 1


async def test_submission_before_the_start_is_refused(harness: Harness) -> None:
    seat = await harness.authorized()
    assert (await harness.refused(seat.submit)).reason == "ATTEMPT_NOT_STARTED"


async def test_submission_of_anothers_attempt_is_refused(harness: Harness) -> None:
    seat = await harness.started()
    request = attempts_pb2.SubmitAttemptRequest(attempt_id=seat.attempt_id)
    error = await harness.refused(harness.person().attempts.SubmitAttempt, request)
    assert error.reason == "NOT_YOUR_ATTEMPT"


async def test_attempt_is_submitted_after_its_deadline(harness: Harness) -> None:
    seat = await harness.started(time_limit=timedelta(minutes=10))
    await seat.save(seat.change(1, 0))
    deadline = (await seat.attempt()).deadline_time
    harness.clock.move(timedelta(minutes=11))
    attempt = await submitted(seat)
    assert attempt.submit_cause == attempts_pb2.SUBMIT_CAUSE_TIME_LIMIT_EXCEEDED
    assert attempt.submit_time == deadline, "not the time of the worker"
    await harness.handle(seat.ended())
    assert (await result_of(seat)).points == 2
    (submission,) = await harness.events(events_pb2.AttemptSubmitted)
    assert (submission.cause, submission.answered_count) == (
        attempts_pb2.SUBMIT_CAUSE_TIME_LIMIT_EXCEEDED,
        1,
    )


async def test_attempt_without_time_limit_is_not_submitted(harness: Harness) -> None:
    seat = await harness.started(time_limit=None)
    harness.clock.move(timedelta(hours=10))
    await seat.save(seat.change(1, 0))
    assert (await seat.submit()).submit_cause == attempts_pb2.SUBMIT_CAUSE_LEARNER


async def test_submission_just_after_the_deadline_succeeds(
    harness: Harness,
) -> None:
    seat = await harness.started(time_limit=timedelta(minutes=10))
    # The deadline has passed, but the grace period has not, so the worker does not submit the attempt yet.
    harness.clock.move(timedelta(minutes=10, seconds=1))
    submitted = await seat.submit()
    assert submitted.submit_cause == attempts_pb2.SUBMIT_CAUSE_TIME_LIMIT_EXCEEDED
    assert submitted.submit_time.ToDatetime() - submitted.start_time.ToDatetime() == timedelta(
        minutes=10
    )


async def test_repeated_start_changes_nothing(harness: Harness) -> None:
    seat = await harness.started()
    before = await harness.state()
    first = await seat.attempt()
    harness.clock.move(timedelta(minutes=5))
    again = await seat.start()
    assert again.deadline_time == first.deadline_time
    assert await harness.state() == before
    assert len(await harness.events(events_pb2.AttemptStarted)) == 1


async def test_start_without_authorisation_is_refused(harness: Harness) -> None:
    seat = await harness.joined()
    error = await harness.refused(seat.start)
    assert error.reason == "ATTEMPT_NOT_AUTHORIZED"
    assert "Your identity has to be verified first." in error.message
    await harness.handle(seat.ready())
    error = await harness.refused(seat.start)
    assert error.reason == "ATTEMPT_NOT_AUTHORIZED"
    assert "This assessment has not been authorised for you yet." in error.message


async def test_without_an_identity_check_only_the_authorisation_is_missing(
    harness: Harness,
) -> None:
    seat = await harness.joined()
    await harness.handle(seat.joined(identity_required=False))
    error = await harness.refused(seat.start)
    assert "This assessment has not been authorised for you yet." in error.message


async def test_start_of_a_submitted_attempt_is_refused(harness: Harness) -> None:
    seat = await harness.started()
    await seat.submit()
    assert (await harness.refused(seat.start)).reason == "ATTEMPT_SUBMITTED"


async def test_start_of_anothers_attempt_is_refused(harness: Harness) -> None:
    seat = await harness.authorized()
    request = attempts_pb2.StartAttemptRequest(attempt_id=seat.attempt_id)
    error = await harness.refused(harness.person().attempts.StartAttempt, request)
    assert error.reason == "NOT_YOUR_ATTEMPT"


@pytest.mark.parametrize(
    ("right", "points", "passed"),
    [(0, 0.0, False), (1, 2.0, False), (2, 4.0, True), (4, 8.0, True)],
    ids=str,
)
async def test_score_is_the_sum_of_the_points(
    harness: Harness, right: int, points: float, passed: bool
) -> None:
    seat = await harness.started()
    if right:
        await seat.save(*(seat.change(nth + 1, nth) for nth in range(right)))
    await harness.submit_and_end(seat)
    result = await result_of(seat)
    assert (result.points, result.points_possible, result.passed) == (points, 8.0, passed)
    (event,) = await harness.events(events_pb2.ResultReleased)
    assert event.passed is passed


async def test_result_has_the_answer_and_points_of_each_item(harness: Harness) -> None:
    seat = await harness.started()
    half = items_pb2.Answer(chosen=items_pb2.ChosenChoices(choice_ids=["a"]))
    await seat.save(seat.change(1, 0), seat.change(2, 1, half), seat.change(3, 3))
    await seat.save(seat.change(4, 3, items_pb2.Answer()))
    await harness.submit_and_end(seat)
    outcomes = list((await result_of(seat)).item_results)
    assert [each.points for each in outcomes] == [2.0, 1.0, 0.0, 0.0]
    assert [each.HasField("answer") for each in outcomes] == [True, True, False, False]
    assert outcomes[1].answer == half
    assert outcomes[0].item.single_choice.correct_choice_id == "b"
    assert outcomes[3].item.numeric.tolerance == 0.01


async def test_missing_result_is_refused(harness: Harness) -> None:
    seat = await harness.started()
    request = results_pb2.GetResultRequest(attempt_id=seat.attempt_id)
    error = await harness.refused(seat.learner.results.GetResult, request)
    assert error.reason == "RESULT_NOT_RELEASED"
    error = await harness.refused(harness.person().results.GetResult, request)
    assert error.reason == "NOT_FOUND"


async def test_items_are_withheld_from_the_submission_to_the_end_of_the_session(
    harness: Harness,
) -> None:
    seat = await harness.authorized()
    start = attempts_pb2.StartAttemptRequest(request_id="once", attempt_id=seat.attempt_id)
    started = (await seat.learner.attempts.StartAttempt(start)).attempt
    seat.items = list(started.items)
    assert seat.items
    await seat.save(seat.change(1, 0))
    await seat.submit()
    request = attempts_pb2.GetAttemptRequest(attempt_id=seat.attempt_id)
    shown = (await seat.learner.attempts.GetAttempt(request)).attempt
    assert not shown.items
    assert len(shown.answers) == 1, "what was saved stays readable"
    repeated = (await seat.learner.attempts.StartAttempt(start)).attempt
    assert not repeated.items, "the items of the first response are not repeated"
    await harness.handle(seat.ended())
    assert list((await seat.learner.attempts.GetAttempt(request)).attempt.items) == list(
        started.items
    )
