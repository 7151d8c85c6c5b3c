"""Tests of the effects of the events of other services, which may be delayed, redelivered or reordered."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import permutations
from uuid import UUID

import pytest
from google.protobuf.message import Message

from proctorium.assessment.events.v1 import events_pb2 as assessment
from proctorium.identity.events.v1 import events_pb2 as identity
from proctorium.session.v1 import lobby_pb2, sessions_pb2, supervision_pb2
from proctorium_common.errors import Kind, ServiceError
from proctorium_common.ids import new_id
from proctorium_devstack.testing.waiting import next_response, until

from .harness import Harness, Person, end, join, plan, roster, start
from .test_conduct import certify, stored_certification
from .test_live import connected, watch

BEFORE_ASSESSMENT = sessions_pb2.IDENTITY_POLICY_BEFORE_ASSESSMENT


class Scenario:
    """A session with one learner, and the events of other services about that learner."""

    def __init__(self, proctor: Person, learner: Person, joined: lobby_pb2.JoinSessionResponse):
        self.proctor = proctor
        self.learner = learner
        self.session_id = joined.session.session_id
        self.participant_id = joined.participant.participant_id
        self.assessment_id = joined.session.plan.assessment_ids[0]
        self.attempt_id = str(new_id())
        self.case_id = str(new_id())

    def case(self, kind: type[Message], **fields: str) -> Message:
        return kind(
            case_id=self.case_id,
            session_id=self.session_id,
            participant_id=self.participant_id,
            person_id=self.learner.id,
            **fields,
        )

    def attempt(self, kind: type[Message], **fields: object) -> Message:
        return kind(
            attempt_id=self.attempt_id,
            session_id=self.session_id,
            participant_id=self.participant_id,
            assessment_id=self.assessment_id,
            **fields,
        )

    async def shown(self) -> lobby_pb2.Participant:
        return (await roster(self.proctor, self.session_id)).participants[0]


async def create_scenario(
    harness: Harness,
    policy: sessions_pb2.IdentityPolicy.ValueType = sessions_pb2.IDENTITY_POLICY_NONE,
) -> Scenario:
    proctor, learner = harness.proctor(), harness.learner()
    session = await harness.scheduled(plan([proctor], identity=policy))
    return Scenario(proctor, learner, await join(learner, session.session_id))


async def test_number_of_changes_during_a_stop_is_in_the_record(harness: Harness) -> None:
    scenario = await create_scenario(harness)
    await harness.handle(scenario.attempt(assessment.AttemptCreated, item_count=4))
    await harness.handle(scenario.attempt(assessment.AttemptStarted))
    await harness.handle(
        scenario.attempt(assessment.AttemptSavedDuringStop, stop_id=str(new_id()), change_count=3)
    )
    request = supervision_pb2.GetRecordRequest(session_id=scenario.session_id)
    record = await scenario.proctor.record.GetRecord(request)
    name = "attempt.saved-during-stop"
    assert [each.change_count for each in record.entries if each.event == name] == [3]
    assert {each.change_count for each in record.entries if each.event != name} == {0}
    own_request = supervision_pb2.GetMyRecordRequest(session_id=scenario.session_id)
    own = await scenario.learner.record.GetMyRecord(own_request)
    assert [each.change_count for each in own.entries if each.event == name] == [3]


async def test_identity_event_is_shown_live(harness: Harness) -> None:
    scenario = await create_scenario(harness, BEFORE_ASSESSMENT)
    call = watch(scenario.learner, scenario.session_id)
    view = await connected(call)
    assert view.participant.identity == lobby_pb2.IDENTITY_STATE_REQUESTED
    await harness.publish(scenario.case(identity.CaseSubmitted))
    view = await next_response(call)
    assert view.participant.identity == lobby_pb2.IDENTITY_STATE_SUBMITTED
    await harness.publish(scenario.case(identity.CaseVerified, decided_by=scenario.proctor.id))
    view = await next_response(call)
    assert view.participant.identity == lobby_pb2.IDENTITY_STATE_VERIFIED
    call.cancel()
    rows = await harness.rows(
        "SELECT event, actor FROM session_record WHERE session_id = :id ORDER BY number DESC LIMIT 3",
        id=UUID(scenario.session_id),
    )
    assert rows == [
        ("participant.ready", "session"),
        ("case.verified", scenario.proctor.id),
        ("case.submitted", scenario.learner.id),
    ]
    assert (await harness.published(scenario.session_id)).count("participant.ready") == 1


async def test_check_without_images_is_shown_live_and_recorded(harness: Harness) -> None:
    scenario = await create_scenario(harness, BEFORE_ASSESSMENT)
    call = watch(scenario.learner, scenario.session_id)
    await connected(call)
    await harness.publish(scenario.case(identity.CaseAlternativeCheckRequested))
    view = await next_response(call)
    assert view.participant.identity == lobby_pb2.IDENTITY_STATE_SUBMITTED
    await harness.publish(scenario.case(identity.CaseVerified, decided_by=scenario.proctor.id))
    assert (await next_response(call)).participant.identity == lobby_pb2.IDENTITY_STATE_VERIFIED
    again = scenario.case(identity.CaseAlternativeCheckRequested, requested_by=scenario.proctor.id)
    await harness.publish(again)
    view = await next_response(call)
    assert view.participant.identity == lobby_pb2.IDENTITY_STATE_SUBMITTED
    call.cancel()
    rows = await harness.rows(
        "SELECT event, actor FROM session_record WHERE session_id = :id AND event LIKE 'case.%'"
        " ORDER BY number",
        id=UUID(scenario.session_id),
    )
    assert rows == [
        ("case.alternative-check-requested", "identity"),
        ("case.verified", scenario.proctor.id),
        ("case.alternative-check-requested", scenario.proctor.id),
    ]


CASE_LIFE: Sequence[tuple[type[Message], dict[str, str]]] = [
    (identity.CaseOpened, {}),
    (identity.CaseSubmitted, {}),
    (identity.CaseVerified, {"decided_by": str(new_id())}),
]


@pytest.mark.parametrize(
    "order",
    [*permutations(range(3)), (0, 1, 2, 2, 1, 0), (2, 2)],
    ids=lambda order: "".join(map(str, order)),
)
async def test_newest_event_of_a_case_counts_in_any_order(
    harness: Harness, order: tuple[int, ...]
) -> None:
    scenario = await create_scenario(harness, BEFORE_ASSESSMENT)
    for nth in order:
        kind, fields = CASE_LIFE[nth]
        await harness.handle(scenario.case(kind, **fields), position=10 + nth)
    assert (await scenario.shown()).identity == lobby_pb2.IDENTITY_STATE_VERIFIED
    assert (await harness.recorded(scenario.session_id)).count("participant.ready") == 1


async def test_resubmission_requested_after_verification_prevents_authorisation(
    harness: Harness,
) -> None:
    scenario = await create_scenario(harness, BEFORE_ASSESSMENT)
    await harness.handle(scenario.case(identity.CaseVerified, decided_by=scenario.proctor.id), 11)
    await harness.handle(
        scenario.case(identity.CaseResubmissionRequested, requested_by=scenario.proctor.id),
        12,
    )
    assert (await scenario.shown()).identity == lobby_pb2.IDENTITY_STATE_RESUBMISSION_REQUESTED
    await harness.handle(scenario.case(identity.CaseRejected, decided_by=scenario.proctor.id), 13)
    assert (await scenario.shown()).identity == lobby_pb2.IDENTITY_STATE_REJECTED


def attempt_events(scenario: Scenario) -> list[Message]:
    return [
        scenario.attempt(assessment.AttemptCreated, person_id=scenario.learner.id, item_count=6),
        scenario.attempt(assessment.AttemptAuthorized),
        scenario.attempt(assessment.AttemptStarted),
        scenario.attempt(assessment.AttemptProgressed, answered_count=2, item_count=6),
        scenario.attempt(assessment.AttemptProgressed, answered_count=5, item_count=6),
        scenario.attempt(assessment.AttemptSubmitted, answered_count=5, item_count=6),
        scenario.attempt(
            assessment.ResultReleased, result_id=str(new_id()), person_id=scenario.learner.id
        ),
    ]


@pytest.mark.parametrize(
    "order",
    [(0, 1, 2, 3, 4, 5, 6), (6, 5, 4, 3, 2, 1, 0), (0, 1, 2, 4, 3, 6, 5, 4, 0, 6)],
    ids=["in order", "backwards", "doubled and swapped"],
)
async def test_progress_never_goes_backwards(harness: Harness, order: tuple[int, ...]) -> None:
    scenario = await create_scenario(harness)
    life = attempt_events(scenario)
    before = 0
    for nth in order:
        await harness.handle(life[nth], position=20 + nth)
        state = (await scenario.shown()).assessments[0].state
        assert state >= before
        before = state
    shown = (await scenario.shown()).assessments[0]
    assert shown.state == lobby_pb2.ASSESSMENT_PROGRESS_STATE_RELEASED
    assert (shown.attempt_id, shown.answered_count, shown.item_count) == (scenario.attempt_id, 5, 6)


async def test_answer_counts_are_shown_and_not_recorded(harness: Harness) -> None:
    scenario = await create_scenario(harness)
    await start(scenario.proctor, scenario.session_id)
    call = watch(scenario.learner, scenario.session_id)
    await connected(call)
    recorded = await harness.recorded(scenario.session_id)
    progressed = scenario.attempt(assessment.AttemptProgressed, answered_count=3, item_count=6)
    await harness.publish(progressed)
    view = await next_response(call)
    assert view.participant.assessments[0].answered_count == 3
    assert await harness.recorded(scenario.session_id) == recorded
    await harness.publish(
        scenario.attempt(assessment.AttemptSubmitted, answered_count=4, item_count=6)
    )
    await next_response(call)
    assert (await harness.recorded(scenario.session_id))[-1] == "attempt.submitted"
    call.cancel()


async def test_events_of_self_paced_attempts_are_ignored(harness: Harness) -> None:
    event = assessment.AttemptCreated(attempt_id=str(new_id()), person_id=str(new_id()))
    before = await harness.state()
    await harness.handle(event, 1)
    assert await harness.state() == before


async def test_event_of_an_unknown_participant_is_retried(harness: Harness) -> None:
    scenario = await create_scenario(harness)
    scenario.participant_id = str(new_id())
    for event in (
        scenario.case(identity.CaseOpened),
        scenario.attempt(assessment.AttemptStarted),
    ):
        with pytest.raises(ServiceError) as refused:
            await harness.handle(event, 1)
        assert refused.value.kind is Kind.NOT_FOUND


async def test_newest_certification_event_counts(harness: Harness) -> None:
    proctor, now = harness.proctor(), datetime.now(UTC)
    newer, older = now + timedelta(days=2), now + timedelta(days=900)
    await certify(harness, proctor, newer, published_at=now)

    async def is_stored() -> bool:
        rows = await harness.rows(
            "SELECT certified_until FROM certifications WHERE person_id = :id",
            id=proctor.person_id,
        )
        return rows == [(newer,)]

    await until(is_stored)
    # This event has the lower position, so it was published before the other event. It has a later time because the
    # clock of its publisher was ahead. The event is delivered after the other event.
    await certify(harness, proctor, older, published_at=now + timedelta(hours=1), position=1)
    handled = len(await harness.rows("SELECT 1 FROM inbox"))

    async def is_handled() -> bool:
        return len(await harness.rows("SELECT 1 FROM inbox")) > handled

    await certify(harness, harness.proctor(), newer, published_at=now)
    await until(is_handled)
    assert await stored_certification(harness, proctor) == newer


async def test_learner_without_a_started_assessment_has_not_completed_the_session(
    harness: Harness,
) -> None:
    scenario = await create_scenario(harness)
    await start(scenario.proctor, scenario.session_id)
    await harness.handle(scenario.attempt(assessment.AttemptAuthorized), position=10)
    await end(scenario.proctor, scenario.session_id)
    assert (await scenario.shown()).state == lobby_pb2.PARTICIPANT_STATE_LEFT
    assert (await harness.published(scenario.session_id)).count("participant.left") == 1


async def test_learner_with_a_started_assessment_has_completed_the_session(
    harness: Harness,
) -> None:
    scenario = await create_scenario(harness)
    await start(scenario.proctor, scenario.session_id)
    await harness.handle(scenario.attempt(assessment.AttemptStarted), position=10)
    await end(scenario.proctor, scenario.session_id)
    assert (await scenario.shown()).state == lobby_pb2.PARTICIPANT_STATE_COMPLETED


async def test_assessment_start_delivered_after_the_end_counts(harness: Harness) -> None:
    scenario = await create_scenario(harness)
    await start(scenario.proctor, scenario.session_id)
    await end(scenario.proctor, scenario.session_id)
    for _ in range(2):
        await harness.handle(scenario.attempt(assessment.AttemptStarted), position=10)
    assert (await scenario.shown()).state == lobby_pb2.PARTICIPANT_STATE_COMPLETED
    assert (await harness.published(scenario.session_id)).count("participant.completed") == 1


async def test_roster_is_updated_until_all_results_are_released(harness: Harness) -> None:
    scenario = await create_scenario(harness)
    await start(scenario.proctor, scenario.session_id)
    progressed = scenario.attempt(assessment.AttemptProgressed, answered_count=84, item_count=100)
    await harness.handle(progressed, position=10)
    await end(scenario.proctor, scenario.session_id)
    request = supervision_pb2.WatchRosterRequest(session_id=scenario.session_id)
    call = scenario.proctor.supervision.WatchRoster(request)
    snapshot = (await next_response(call)).snapshot
    assert snapshot.participants[0].assessments[0].answered_count == 84
    submitted = scenario.attempt(assessment.AttemptSubmitted, answered_count=100, item_count=100)
    reopened = scenario.attempt(assessment.AttemptReopened)
    released = scenario.attempt(assessment.ResultReleased)
    for position, event, state in (
        (11, submitted, lobby_pb2.ASSESSMENT_PROGRESS_STATE_SUBMITTED),
        (12, reopened, lobby_pb2.ASSESSMENT_PROGRESS_STATE_IN_PROGRESS),
        (13, submitted, lobby_pb2.ASSESSMENT_PROGRESS_STATE_SUBMITTED),
        (14, released, lobby_pb2.ASSESSMENT_PROGRESS_STATE_RELEASED),
    ):
        await harness.handle(event, position=position)
        shown = (await next_response(call)).participant.assessments[0]
        assert (shown.state, shown.answered_count) == (state, 100)
    with pytest.raises(StopAsyncIteration):
        await next_response(call)


async def test_attempt_that_was_never_started_is_shown_as_voided(harness: Harness) -> None:
    scenario = await create_scenario(harness)
    await start(scenario.proctor, scenario.session_id)
    await harness.handle(scenario.attempt(assessment.AttemptAuthorized), position=10)
    await end(scenario.proctor, scenario.session_id)
    call = scenario.proctor.supervision.WatchRoster(
        supervision_pb2.WatchRosterRequest(session_id=scenario.session_id)
    )
    await next_response(call)
    await harness.handle(scenario.attempt(assessment.AttemptVoided), position=11)
    shown = (await next_response(call)).participant.assessments[0]
    assert shown.state == lobby_pb2.ASSESSMENT_PROGRESS_STATE_VOIDED
    with pytest.raises(StopAsyncIteration):
        await next_response(call)
    assert "attempt.voided" in await harness.recorded(scenario.session_id)
