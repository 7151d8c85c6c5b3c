"""Tests of the cache of published assessments and of reading attempts."""

from __future__ import annotations

from uuid import UUID

from proctorium.assessment.v1 import assessments_pb2, items_pb2
from proctorium_assessment.operations.published_assessments import PublishedAssessments

from ..builders import RIGHT, assessment_proto
from .harness import Harness

WRONG = items_pb2.Answer(chosen=items_pb2.ChosenChoices(choice_ids=["a"]))


async def created(harness: Harness) -> UUID:
    request = assessments_pb2.CreateAssessmentRequest(assessment=assessment_proto())
    response = await harness.administrator.assessments.CreateAssessment(request)
    return UUID(response.assessment.assessment_id)


async def test_published_assessment_is_parsed_once(harness: Harness) -> None:
    published, database = PublishedAssessments(), harness.database
    assessment_id = UUID((await harness.publish_assessment(assessment_proto())).assessment_id)
    first = await published.get(database, assessment_id)
    assert first is not None
    assert len(first.items) == 4
    async with database.transaction() as tx:
        assert await published.get(tx, assessment_id) is first
    assert [each.value for each in published.observations()] == [1]


async def test_draft_is_not_cached(harness: Harness) -> None:
    published, database = PublishedAssessments(), harness.database
    assessment_id = await created(harness)
    draft = await published.get(database, assessment_id)
    assert draft is not None
    assert draft.published_at is None
    await harness.administrator.assessments.PublishAssessment(
        assessments_pb2.PublishAssessmentRequest(assessment_id=str(assessment_id))
    )
    found = await published.get(database, assessment_id)
    assert found is not None
    assert found.published_at is not None


async def test_least_recently_used_assessment_is_removed_from_the_cache(harness: Harness) -> None:
    published, database = PublishedAssessments(limit=2), harness.database
    ids = [
        UUID((await harness.publish_assessment(assessment_proto())).assessment_id) for _ in range(3)
    ]
    first, second = [await published.get(database, each) for each in ids[:2]]
    assert await published.get(database, ids[0]) is first
    await published.get(database, ids[2])
    assert await published.get(database, ids[0]) is first
    assert await published.get(database, ids[1]) is not second
    assert [each.value for each in published.observations()] == [2]


async def test_attempt_has_the_newest_answer_of_each_item_without_removed_ones(
    harness: Harness,
) -> None:
    seat = await harness.started()
    await seat.save(seat.change(1, 0, WRONG), seat.change(2, 1), seat.change(3, 2))
    await seat.save(seat.change(4, 0), seat.change(5, 2, items_pb2.Answer()))
    attempt = await seat.attempt()
    answers = {each.item_id: (each.sequence, each.answer) for each in attempt.answers}
    assert answers == {
        seat.items[0].item_id: (4, RIGHT[0]),
        seat.items[1].item_id: (2, RIGHT[1]),
    }
    assert (attempt.answered_count, attempt.last_sequence) == (2, 5)
    assert all(each.HasField("save_time") for each in attempt.answers)
