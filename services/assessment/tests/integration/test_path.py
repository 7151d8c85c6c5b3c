"""A test that takes a proctored assessment from the authorisation to the result."""

from __future__ import annotations

from proctorium.assessment.v1 import attempts_pb2, results_pb2

from ..builders import RIGHT
from .harness import Harness


async def test_learner_takes_a_proctored_assessment_from_authorisation_to_result(
    harness: Harness,
) -> None:
    seat = await harness.joined()
    waiting = await seat.attempt()
    assert waiting.state == attempts_pb2.ATTEMPT_STATE_AWAITING_AUTHORIZATION
    assert not waiting.items

    await harness.handle(seat.authorized())
    started = await seat.start()
    assert started.state == attempts_pb2.ATTEMPT_STATE_IN_PROGRESS
    assert len(started.items) == started.item_count == 4
    assert started.deadline_time.ToSeconds() - started.start_time.ToSeconds() == 3600

    for sequence, _ in enumerate(RIGHT, start=1):
        receipt = await seat.save(seat.change(sequence, sequence - 1))
        assert list(receipt.sequences) == list(receipt.positions) == [sequence]

    resumed = await seat.attempt()
    assert (resumed.answered_count, resumed.last_sequence) == (4, 4)
    assert [answer.answer for answer in resumed.answers]

    submitted = await seat.submit()
    assert submitted.state == attempts_pb2.ATTEMPT_STATE_SUBMITTED
    assert submitted.submit_cause == attempts_pb2.SUBMIT_CAUSE_LEARNER

    request = results_pb2.GetResultRequest(attempt_id=seat.attempt_id)
    error = await harness.refused(seat.learner.results.GetResult, request)
    assert error.reason == "RESULT_NOT_RELEASED"
    await harness.handle(seat.ended())
    result = (await seat.learner.results.GetResult(request)).result
    assert (result.points, result.points_possible, result.passed, result.version) == (8, 8, True, 1)
    assert {each.item.feedback for each in result.item_results} >= {"9.81", "true"}
    published = await harness.published(seat.attempt_id)
    for name in ("created", "authorized", "started", "submitted"):
        assert published.count(f"attempt.{name}") == 1
    assert published.count("result.released") == 1
