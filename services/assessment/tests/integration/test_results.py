"""Who sees what of a result, and when."""

from __future__ import annotations

from proctorium.assessment.v1 import attempts_pb2, results_pb2

from .world import Person, Seat, World


async def result(reader: Person, seat: Seat) -> results_pb2.Result:
    request = results_pb2.GetResultRequest(attempt_id=seat.attempt_id)
    return (await reader.results.GetResult(request)).result


async def test_right_answers_are_shown_only_when_the_learners_session_has_ended(
    world: World,
) -> None:
    seat, elsewhere = await world.begun(), await world.begun()
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


async def test_an_administrator_sees_each_question_at_any_time(world: World) -> None:
    seat = await world.begun()
    await seat.submit()
    assert len((await result(world.administrator, seat)).item_results) == 4


async def test_an_end_that_was_heard_before_anything_else_counts(world: World) -> None:
    seat = await world.begun()
    await world.handle(seat.ended())
    await world.handle(seat.scheduled())
    assert (await seat.attempt()).state == attempts_pb2.ATTEMPT_STATE_RELEASED
    assert len((await result(seat.learner, seat)).item_results) == 4
