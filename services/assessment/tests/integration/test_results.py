"""Tests of the visibility of results."""

from __future__ import annotations

from proctorium.assessment.v1 import attempts_pb2, results_pb2

from .world import Person, Seat, World, refused


async def result(reader: Person, seat: Seat) -> results_pb2.Result:
    request = results_pb2.GetResultRequest(attempt_id=seat.attempt_id)
    return (await reader.results.GetResult(request)).result


async def test_answer_keys_are_visible_only_after_the_end_of_the_session(
    world: World,
) -> None:
    seat, elsewhere = await world.started(), await world.started()
    neighbour = world.seat(str(seat.assessment_id))
    neighbour.session_id = seat.session_id
    for event in (neighbour.joined(), neighbour.authorized()):
        await world.handle(event)
    await seat.save(seat.change(1, 0), seat.change(2, 1))
    await seat.submit()

    early = await result(seat.learner, seat)
    assert (early.points, early.points_possible, early.passed) == (4, 8, True)
    assert not early.item_results, "the neighbour still sits the same questions"
    await world.handle(elsewhere.ended())
    assert not (await result(seat.learner, seat)).item_results, "another session's end"

    await world.handle(seat.ended())
    late = await result(seat.learner, seat)
    assert [each.points for each in late.item_results] == [2, 2, 0, 0]
    late.ClearField("item_results")
    assert late == early


async def test_administrator_sees_the_items_at_any_time(world: World) -> None:
    seat = await world.started()
    await seat.submit()
    assert len((await result(world.administrator, seat)).item_results) == 4


async def test_end_of_a_session_that_arrives_first_counts(world: World) -> None:
    seat = await world.started()
    await world.handle(seat.ended())
    await world.handle(seat.scheduled())
    assert (await seat.attempt()).state == attempts_pb2.ATTEMPT_STATE_RELEASED
    assert len((await result(seat.learner, seat)).item_results) == 4


async def test_result_of_a_removed_learner_is_scored_and_not_released(world: World) -> None:
    seat = await world.started()
    await seat.save(*(seat.change(item + 1, item) for item in range(4)))
    await world.handle(seat.removed())
    await world.handle(seat.ended())

    attempt = await seat.attempt()
    assert attempt.submit_cause == attempts_pb2.SUBMIT_CAUSE_REMOVED
    assert attempt.state == attempts_pb2.ATTEMPT_STATE_SCORED
    error = await refused(world, result(seat.learner, seat))
    assert error.reason == "RESULT_NOT_RELEASED"
    request = results_pb2.ListResultsRequest()
    assert not (await seat.learner.results.ListResults(request)).results
    transcript = results_pb2.GetTranscriptRequest()
    assert not (await seat.learner.transcripts.GetTranscript(transcript)).entries

    seen = await result(world.administrator, seat)
    assert (seen.points, seen.passed, len(seen.item_results)) == (8, True, 4)
    assert not seen.HasField("release_time")
    assert await world.sql("SELECT 1 FROM certificates") == []
    assert len(await world.events("attempt.submitted")) == 1
    assert await world.events("result.released") == []


async def test_removal_after_the_submission_does_not_change_the_result(world: World) -> None:
    seat = await world.started()
    await seat.submit()
    await world.handle(seat.removed())
    assert (await seat.attempt()).state == attempts_pb2.ATTEMPT_STATE_RELEASED


async def test_removed_learner_cannot_take_the_assessment_in_another_session(world: World) -> None:
    seat = await world.started()
    await world.handle(seat.removed())
    again = world.seat(str(seat.assessment_id), learner=seat.learner)
    for event in (again.joined(), again.authorized()):
        await world.handle(event)
    again.attempt_id = (await world.attempts_of(again))[0].attempt_id
    assert (await refused(world, again.start())).reason == "ATTEMPT_ALREADY_TAKEN"
