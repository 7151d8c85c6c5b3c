"""Tests of the roles that may call each method, and of the rows that a caller may read."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from proctorium.assessment.v1 import assessments_pb2, attempts_pb2, grading_pb2, results_pb2
from proctorium.assessment.v1.attempts_pb2_grpc import AttemptServiceStub
from proctorium.assessment.v1.results_pb2_grpc import ResultServiceStub
from proctorium.enrollment.events.v1 import events_pb2 as enrollment_events
from proctorium.options.v1.options_pb2 import ROLE_PROCTOR
from proctorium.session.events.v1 import events_pb2 as session_events
from proctorium_common.errors import Kind
from proctorium_common.ids import new_id
from proctorium_devstack.testing.refusals import refusal

from ..builders import assessment_proto
from .harness import Harness, Person, Seat


def holds_right_answers(attempt: attempts_pb2.Attempt) -> bool:
    return any(
        item.feedback
        or item.single_choice.correct_choice_id
        or item.multiple_choice.correct_choice_ids
        or item.true_false.HasField("correct")
        or item.numeric.HasField("correct")
        or item.numeric.HasField("tolerance")
        for item in attempt.items
    )


async def test_learner_receives_no_answer_key_before_the_result(harness: Harness) -> None:
    seat = await harness.joined()
    assert not (await seat.attempt()).items, "no questions before the beginning"
    await harness.handle(seat.authorized())
    assert not (await seat.attempt()).items
    started = await seat.start()
    await seat.save(seat.change(1, 0))
    resumed = await seat.attempt()
    submitted = await seat.submit()
    listed = (await seat.learner.attempts.ListAttempts(attempts_pb2.ListAttemptsRequest())).attempts
    assert len(started.items) == len(resumed.items) == 4
    assert not submitted.items
    for attempt in (started, resumed, submitted, *listed, await seat.attempt()):
        assert not holds_right_answers(attempt)


async def test_learner_cannot_call_methods_of_administrators(harness: Harness) -> None:
    learner = harness.person("learner", "proctor")
    published = await harness.publish_assessment(assessment_proto())
    for call in (
        partial(
            learner.assessments.CreateAssessment,
            assessments_pb2.CreateAssessmentRequest(assessment=assessment_proto()),
        ),
        partial(
            learner.assessments.PublishAssessment,
            assessments_pb2.PublishAssessmentRequest(assessment_id=published.assessment_id),
        ),
        partial(
            learner.assessments.GetAssessment,
            assessments_pb2.GetAssessmentRequest(assessment_id=published.assessment_id),
        ),
    ):
        assert (await harness.refused(call)).reason == "NOT_ALLOWED"


async def test_call_without_token_is_refused(harness: Harness) -> None:
    async with harness.channel() as opened:
        call = AttemptServiceStub(opened).ListAttempts(attempts_pb2.ListAttemptsRequest())
        assert (await refusal(call)).reason == "TOKEN_MISSING"


async def attempts_seen(person: Person, seat: Seat) -> list[str]:
    request = attempts_pb2.ListAttemptsRequest(session_id=str(seat.session_id))
    return [each.attempt_id for each in (await person.attempts.ListAttempts(request)).attempts]


async def results_seen(person: Person, seat: Seat) -> list[str]:
    request = results_pb2.ListResultsRequest(session_id=str(seat.session_id))
    return [each.attempt_id for each in (await person.results.ListResults(request)).results]


async def test_session_is_visible_to_its_proctors_and_administrators(harness: Harness) -> None:
    seat = await harness.started()
    await harness.submit_and_end(seat)
    leading = await harness.proctor_of(seat)
    for person in (leading, harness.administrator, seat.learner):
        assert await attempts_seen(person, seat) == [seat.attempt_id]
        assert await results_seen(person, seat) == [seat.attempt_id]


async def test_results_of_a_session_are_visible_to_session_orchestration(harness: Harness) -> None:
    seat = await harness.started()
    await harness.submit_and_end(seat)
    request = results_pb2.ListResultsRequest(session_id=str(seat.session_id))
    async with harness.channel(peer="session") as opened:
        response = await ResultServiceStub(opened).ListResults(request)
    assert [each.attempt_id for each in response.results] == [seat.attempt_id]
    for peer, listed in (("session", results_pb2.ListResultsRequest()), ("enrollment", request)):
        async with harness.channel(peer=peer) as opened:
            error = await refusal(ResultServiceStub(opened).ListResults(listed))
            assert error.kind is Kind.NOT_ALLOWED or error.reason == "TOKEN_MISSING"


async def test_new_lead_proctor_sees_the_session_and_the_former_one_still_does(
    harness: Harness,
) -> None:
    seat = await harness.started()
    former = await harness.proctor_of(seat)
    new, newest = harness.person("proctor"), harness.person("proctor")
    for person in (new, newest):
        await harness.certify(person)
        error = await harness.refused(partial(attempts_seen, person, seat))
        assert error.reason == "NOT_ALLOWED"
    ids = [str(each.person_id) for each in (newest, new, former)]
    session_id = str(seat.session_id)
    taken = session_events.SessionTaken(session_id=session_id, proctor_ids=ids[1:])
    handed_over = session_events.SessionHandedOver(session_id=session_id, proctor_ids=ids)
    await harness.handle(taken)
    assert await attempts_seen(new, seat) == [seat.attempt_id]
    before = harness.position
    await harness.handle(handed_over)
    for late in (taken, seat.scheduled()):
        await harness.handle(late, before)
    for person in (former, new, newest):
        assert await attempts_seen(person, seat) == [seat.attempt_id]


async def test_proctors_of_a_taken_session_stay_if_its_plan_arrives_later(harness: Harness) -> None:
    published = await harness.publish_assessment(assessment_proto())
    seat, new = harness.seat(published.assessment_id), harness.person("proctor")
    await harness.certify(new)
    ids = [str(new.person_id), str(seat.proctor_id)]
    await harness.handle(
        session_events.SessionTaken(session_id=str(seat.session_id), proctor_ids=ids)
    )
    await harness.handle(seat.scheduled(), harness.position - 1)
    await harness.handle(seat.joined())
    assert len(await attempts_seen(new, seat)) == 1


async def test_proctor_without_current_certification_reads_no_attempts_or_results(
    harness: Harness,
) -> None:
    seat = await harness.started()
    await harness.submit_and_end(seat)
    late = grading_pb2.ListLateAnswersRequest(attempt_id=seat.attempt_id)
    proctor = await harness.proctor_of(seat)
    await proctor.grading.ListLateAnswers(late)

    async def assert_closed() -> None:
        for call in (
            partial(attempts_seen, proctor, seat),
            partial(results_seen, proctor, seat),
            partial(proctor.grading.ListLateAnswers, late),
        ):
            assert (await harness.refused(call)).reason == "CERTIFICATION_ENDED"

    await harness.certify(proctor, timedelta(days=-1))
    await assert_closed()
    await harness.certify(proctor)
    assert await results_seen(proctor, seat) == [seat.attempt_id]
    await harness.handle(
        enrollment_events.PersonRoleRevoked(
            person_id=str(proctor.person_id), role=ROLE_PROCTOR, roles=[], access_version=1
        ),
        consumer="assessment--certifications",
    )
    await assert_closed()


async def test_person_without_the_role_of_proctor_reads_nothing_of_the_session(
    harness: Harness,
) -> None:
    seat = await harness.started()
    await harness.proctor_of(seat)
    former = harness.person("learner", person_id=seat.proctor_id)
    assert await attempts_seen(former, seat) == []
    late = grading_pb2.ListLateAnswersRequest(attempt_id=seat.attempt_id)
    assert (await harness.refused(former.grading.ListLateAnswers, late)).reason == "NOT_ALLOWED"


async def test_session_of_another_proctor_is_refused_like_an_unknown_one(harness: Harness) -> None:
    seat = await harness.started()
    other = harness.person("proctor")
    for session_id in (seat.session_id, new_id()):
        error = await refusal(
            other.attempts.ListAttempts(
                attempts_pb2.ListAttemptsRequest(session_id=str(session_id))
            )
        )
        assert error.reason == "NOT_ALLOWED"
        error = await refusal(
            other.results.ListResults(results_pb2.ListResultsRequest(session_id=str(session_id)))
        )
        assert error.reason == "NOT_ALLOWED"


async def test_learner_reads_nothing_of_others_in_the_session(harness: Harness) -> None:
    seat = await harness.started()
    assert await attempts_seen(harness.person(), seat) == []
    error = await refusal(
        harness.person().attempts.GetAttempt(
            attempts_pb2.GetAttemptRequest(attempt_id=seat.attempt_id)
        )
    )
    assert error.reason == "NOT_YOUR_ATTEMPT"


async def test_next_page_continues_after_the_previous_page(harness: Harness) -> None:
    learner = harness.person()
    for _ in range(5):
        published = await harness.publish_assessment(assessment_proto())
        await harness.handle(harness.seat(published.assessment_id, learner=learner).joined())
    seen: list[str] = []
    token = ""
    while True:
        request = attempts_pb2.ListAttemptsRequest(page_size=2, page_token=token)
        page = await learner.attempts.ListAttempts(request)
        seen += [each.attempt_id for each in page.attempts]
        token = page.next_page_token
        if not token:
            break
    assert len(seen) == len(set(seen)) == 5
    assert seen == sorted(seen, reverse=True), "newest first"


@pytest.mark.parametrize("token", ["nonsense", "WyJwZW9wbGUiLCJhIl0"], ids=str)
async def test_page_token_of_another_list_is_refused(harness: Harness, token: str) -> None:
    calls: list[Any] = [
        harness.administrator.assessments.ListAssessments(
            assessments_pb2.ListAssessmentsRequest(page_token=token)
        ),
        harness.administrator.attempts.ListAttempts(
            attempts_pb2.ListAttemptsRequest(page_token=token)
        ),
        harness.administrator.results.ListResults(results_pb2.ListResultsRequest(page_token=token)),
    ]
    for call in calls:
        assert (await refusal(call)).reason == "INVALID_PAGE_TOKEN"
