"""Tests of the access to results and to the items of results."""

from __future__ import annotations

from proctorium.assessment.events.v1 import events_pb2
from proctorium.assessment.v1 import attempts_pb2, results_pb2

from .harness import Harness, Person, Seat


async def result(reader: Person, seat: Seat) -> results_pb2.Result:
    request = results_pb2.GetResultRequest(attempt_id=seat.attempt_id)
    return (await reader.results.GetResult(request)).result


async def test_result_is_visible_only_after_the_end_of_the_session(harness: Harness) -> None:
    seat, elsewhere = await harness.started(), await harness.started()
    neighbour = harness.seat(str(seat.assessment_id))
    neighbour.session_id = seat.session_id
    for event in (neighbour.joined(), neighbour.authorized()):
        await harness.handle(event)
    await seat.save(seat.change(1, 0), seat.change(2, 1))
    await seat.submit()
    await harness.handle(elsewhere.ended())
    # The neighbour can still start the same assessment.
    for reader in (seat.learner, harness.administrator):
        error = await harness.refused(result, reader, seat)
        assert error.reason == "RESULT_NOT_RELEASED"

    await harness.handle(seat.ended())
    shown = await result(seat.learner, seat)
    assert (shown.points, shown.points_possible, shown.passed) == (4, 8, True)
    assert [each.points for each in shown.item_results] == [2, 2, 0, 0]
    assert await result(harness.administrator, seat) == shown


async def test_end_of_a_session_that_arrives_first_counts(harness: Harness) -> None:
    seat = await harness.started()
    await harness.handle(seat.ended())
    await harness.handle(seat.scheduled())
    assert (await seat.attempt()).state == attempts_pb2.ATTEMPT_STATE_RELEASED
    assert len((await result(seat.learner, seat)).item_results) == 4


async def test_result_of_a_removed_learner_is_scored_and_not_released(harness: Harness) -> None:
    seat = await harness.started()
    await seat.save(*(seat.change(item + 1, item) for item in range(4)))
    await harness.handle(seat.removed())
    await harness.handle(seat.ended(removed=True))

    attempt = await seat.attempt()
    assert attempt.submit_cause == attempts_pb2.SUBMIT_CAUSE_REMOVED
    assert attempt.state == attempts_pb2.ATTEMPT_STATE_SCORED
    error = await harness.refused(result, seat.learner, seat)
    assert error.reason == "RESULT_NOT_RELEASED"
    request = results_pb2.ListResultsRequest()
    assert not (await seat.learner.results.ListResults(request)).results
    transcript = results_pb2.GetTranscriptRequest()
    assert not (await seat.learner.transcripts.GetTranscript(transcript)).entries

    seen = await result(harness.administrator, seat)
    assert (seen.points, seen.passed, len(seen.item_results)) == (8, True, 4)
    assert not seen.HasField("release_time")
    assert await harness.rows("SELECT 1 FROM certificates") == []
    assert len(await harness.events(events_pb2.AttemptSubmitted)) == 1
    assert await harness.events(events_pb2.ResultReleased) == []


async def test_removal_after_the_submission_does_not_hold_the_result(harness: Harness) -> None:
    seat = await harness.started()
    await seat.submit()
    await harness.handle(seat.removed())
    await harness.handle(seat.ended())
    assert (await seat.attempt()).state == attempts_pb2.ATTEMPT_STATE_RELEASED


async def test_removed_learner_cannot_take_the_assessment_in_another_session(
    harness: Harness,
) -> None:
    seat = await harness.started()
    await harness.handle(seat.ended(removed=True))
    again = harness.seat(str(seat.assessment_id), learner=seat.learner)
    for event in (again.joined(), again.authorized()):
        await harness.handle(event)
    again.attempt_id = (await harness.attempts_of(again))[0].attempt_id
    assert (await harness.refused(again.start)).reason == "ATTEMPT_ALREADY_TAKEN"
