from __future__ import annotations

from proctorium.assessment.v1 import attempts_pb2, results_pb2

from ..builders import RIGHT
from .world import World


async def test_a_learner_is_authorised_begins_saves_submits_and_reads_the_result(
    world: World,
) -> None:
    seat = await world.joined()
    waiting = await seat.attempt()
    assert waiting.state == attempts_pb2.ATTEMPT_STATE_AWAITING_AUTHORIZATION
    assert not waiting.items

    await world.handle(seat.authorized())
    begun = await seat.begin()
    assert begun.state == attempts_pb2.ATTEMPT_STATE_IN_PROGRESS
    assert len(begun.items) == begun.item_count == 4
    assert begun.deadline_time.ToSeconds() - begun.start_time.ToSeconds() == 3600

    for sequence, _ in enumerate(RIGHT, start=1):
        receipt = await seat.save(seat.change(sequence, sequence - 1))
        assert list(receipt.sequences) == list(receipt.positions) == [sequence]

    resumed = await seat.attempt()
    assert (resumed.answered_count, resumed.last_sequence) == (4, 4)
    assert [answer.answer for answer in resumed.answers]

    submitted = await seat.submit()
    assert submitted.state == attempts_pb2.ATTEMPT_STATE_RELEASED
    assert submitted.submit_cause == attempts_pb2.SUBMIT_CAUSE_LEARNER

    request = results_pb2.GetResultRequest(attempt_id=seat.attempt_id)
    result = (await seat.learner.results.GetResult(request)).result
    assert (result.points, result.points_possible, result.passed, result.version) == (8, 8, True, 1)
    assert not result.item_results, "others may still sit the same questions"
    await world.handle(seat.ended())
    result = (await seat.learner.results.GetResult(request)).result
    assert {each.item.feedback for each in result.item_results} >= {"9.81", "true"}
    for action in ("created", "authorized", "started", "submitted"):
        assert len(await world.events(f"attempt.{action}")) == 1
    assert len(await world.events("result.released")) == 1
