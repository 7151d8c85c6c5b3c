"""Tests of creating, publishing and reading assessments."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from proctorium.assessment.v1 import assessments_pb2, items_pb2
from proctorium_common.ids import new_id

from ..builders import assessment_proto
from .harness import Harness


def creating(
    assessment: assessments_pb2.Assessment, request_id: str = ""
) -> assessments_pb2.CreateAssessmentRequest:
    return assessments_pb2.CreateAssessmentRequest(request_id=request_id, assessment=assessment)


async def test_created_assessment_is_returned_with_new_ids(harness: Harness) -> None:
    sent = assessment_proto(time_limit=timedelta(minutes=90))
    sent.items[0].item_id = str(new_id())
    stub = harness.administrator.assessments
    made = (await stub.CreateAssessment(creating(sent))).assessment
    request = assessments_pb2.GetAssessmentRequest(assessment_id=made.assessment_id)
    assert (await stub.GetAssessment(request)).assessment == made
    assert not made.HasField("publish_time")
    assert made.items[0].item_id != sent.items[0].item_id
    for item in made.items:
        item.item_id = ""
    made.assessment_id = sent.items[0].item_id = ""
    assert made == sent


async def test_repeated_request_creates_one_assessment(harness: Harness) -> None:
    stub = harness.administrator.assessments
    first = await stub.CreateAssessment(creating(assessment_proto(), "once"))
    again = await stub.CreateAssessment(creating(assessment_proto(), "once"))
    assert first == again
    assert len(await harness.rows("SELECT 1 FROM assessments")) == 1


async def test_invalid_item_is_refused_with_its_field(harness: Harness) -> None:
    assessment = assessment_proto()
    assessment.items[3].numeric.ClearField("correct")
    assessment.items.append(items_pb2.Item(prompt="?", points=1, true_false=items_pb2.TrueFalse()))
    stub = harness.administrator.assessments
    error = await harness.refused(stub.CreateAssessment, creating(assessment))
    assert error.reason == "ITEM_INVALID"
    assert [violation.field for violation in error.violations] == [
        "assessment.items[3].numeric.correct",
        "assessment.items[4].true_false.correct",
    ]


async def test_repeated_publication_changes_nothing(harness: Harness) -> None:
    published = await harness.publish_assessment(assessment_proto())
    request = assessments_pb2.PublishAssessmentRequest(assessment_id=published.assessment_id)
    again = await harness.administrator.assessments.PublishAssessment(request)
    assert again.assessment == published


async def test_unknown_assessment_is_not_found(harness: Harness) -> None:
    stub, nothing = harness.administrator.assessments, str(new_id())
    for call in (
        partial(stub.GetAssessment, assessments_pb2.GetAssessmentRequest(assessment_id=nothing)),
        partial(
            stub.PublishAssessment, assessments_pb2.PublishAssessmentRequest(assessment_id=nothing)
        ),
    ):
        assert (await harness.refused(call)).reason == "NOT_FOUND"


async def test_batch_is_in_the_order_of_the_request(harness: Harness) -> None:
    made = [(await harness.publish_assessment(assessment_proto())).assessment_id for _ in range(3)]
    ids = [made[2], str(new_id()), made[0], made[1], made[2]]
    response = await harness.administrator.assessments.BatchGetAssessments(
        assessments_pb2.BatchGetAssessmentsRequest(assessment_ids=ids)
    )
    found = [each.assessment_id for each in response.assessments]
    assert found == [made[2], made[0], made[1]]


async def test_assessments_are_listed_by_title_without_items(harness: Harness) -> None:
    for title in ("Zoology", "Algebra", "Music"):
        await harness.publish_assessment(assessment_proto(title=title))
    proctor = harness.person("proctor")
    first = await proctor.assessments.ListAssessments(
        assessments_pb2.ListAssessmentsRequest(page_size=2)
    )
    rest = await proctor.assessments.ListAssessments(
        assessments_pb2.ListAssessmentsRequest(page_token=first.next_page_token)
    )
    listed = [*first.assessments, *rest.assessments]
    assert [each.title for each in listed] == ["Algebra", "Music", "Zoology"]
    assert not any(each.items for each in listed)
