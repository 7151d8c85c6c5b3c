"""Tests of the withdrawals of authorisations by a proctor, and the decisions of the assessment service."""

from __future__ import annotations

from uuid import UUID

import pytest
from google.protobuf.message import Message
from sqlalchemy.exc import DBAPIError

from proctorium.assessment.events.v1 import events_pb2 as assessment
from proctorium.options.v1.options_pb2 import ROLE_PROCTOR
from proctorium.session.events.v1 import events_pb2
from proctorium.session.v1 import lobby_pb2
from proctorium.session.v1 import supervision_pb2 as pb
from proctorium_common.ids import new_id

from .harness import Harness, end, start
from .test_subscribers import Scenario, create_scenario

AWAITING = lobby_pb2.ASSESSMENT_PROGRESS_STATE_AWAITING_AUTHORIZATION
AUTHORIZED = lobby_pb2.ASSESSMENT_PROGRESS_STATE_AUTHORIZED
IN_PROGRESS = lobby_pb2.ASSESSMENT_PROGRESS_STATE_IN_PROGRESS
NO_WITHDRAWAL = lobby_pb2.WITHDRAWAL_STATE_UNSPECIFIED
PENDING = lobby_pb2.WITHDRAWAL_STATE_PENDING
ALREADY_STARTED = lobby_pb2.WITHDRAWAL_STATE_ALREADY_STARTED


def withdrawing(
    scenario: Scenario, *participant_ids: str, assessment_id: str = ""
) -> pb.WithdrawAuthorizationRequest:
    return pb.WithdrawAuthorizationRequest(
        session_id=scenario.session_id,
        assessment_id=assessment_id or scenario.assessment_id,
        participant_ids=participant_ids,
    )


async def authorize(scenario: Scenario) -> None:
    await scenario.proctor.supervision.AuthorizeAssessment(
        pb.AuthorizeAssessmentRequest(
            session_id=scenario.session_id,
            assessment_id=scenario.assessment_id,
            participant_ids=[scenario.participant_id],
        )
    )


async def authorized_scenario(harness: Harness) -> Scenario:
    scenario = await create_scenario(harness)
    await start(scenario.proctor, scenario.session_id)
    await authorize(scenario)
    return scenario


async def withdraw(scenario: Scenario) -> lobby_pb2.AssessmentProgress:
    """Withdraw the authorisation and return the progress in the response."""
    request = withdrawing(scenario, scenario.participant_id)
    answer = await scenario.proctor.supervision.WithdrawAuthorization(request)
    return answer.outcomes[0].participant.assessments[0]


async def shown(scenario: Scenario) -> tuple[int, int]:
    progress = (await scenario.shown()).assessments[0]
    return int(progress.state), int(progress.withdrawal)


async def result(harness: Harness, scenario: Scenario) -> Message:
    """Return the decision of the assessment service about the last withdrawal."""
    published = await harness.events(events_pb2.ParticipantAuthorizationWithdrawn)
    revision = [
        each.authorization_revision for each in published if each.session_id == scenario.session_id
    ][-1]
    return scenario.attempt(
        assessment.AttemptAuthorizationWithdrawn, authorization_revision=revision
    )


async def test_withdrawal_is_pending_until_assessment_decides(harness: Harness) -> None:
    scenario = await authorized_scenario(harness)
    progress = await withdraw(scenario)
    assert (progress.state, progress.withdrawal) == (AUTHORIZED, PENDING)
    assert await withdraw(scenario) == progress
    (event,) = [
        each
        for each in await harness.events(events_pb2.ParticipantAuthorizationWithdrawn)
        if each.session_id == scenario.session_id
    ]
    assert (event.withdrawn_by, event.acting_role) == (scenario.proctor.id, ROLE_PROCTOR)
    assert event.HasField("withdraw_time")
    decision = await result(harness, scenario)
    for _ in range(2):
        await harness.handle(decision, position=11)
    assert await shown(scenario) == (AWAITING, NO_WITHDRAWAL)
    names = await harness.recorded(scenario.session_id)
    assert names.count("participant.authorization-withdrawn") == 1
    assert "attempt.authorization-withdrawn" in names


async def test_start_before_the_withdrawal_wins(harness: Harness) -> None:
    scenario = await authorized_scenario(harness)
    await withdraw(scenario)
    await harness.handle(scenario.attempt(assessment.AttemptStarted), position=12)
    assert await shown(scenario) == (IN_PROGRESS, ALREADY_STARTED)
    answer = await scenario.proctor.supervision.WithdrawAuthorization(
        withdrawing(scenario, scenario.participant_id)
    )
    assert answer.outcomes[0].error.reason == "ATTEMPT_ALREADY_STARTED"
    assert "already started" in answer.outcomes[0].error.message


async def test_late_result_does_not_undo_a_later_authorisation(harness: Harness) -> None:
    scenario = await authorized_scenario(harness)
    await withdraw(scenario)
    late = await result(harness, scenario)
    await authorize(scenario)
    assert await shown(scenario) == (AUTHORIZED, NO_WITHDRAWAL)
    await harness.handle(late, position=13)
    assert await shown(scenario) == (AUTHORIZED, NO_WITHDRAWAL)
    names = await harness.recorded(scenario.session_id)
    assert names.count("participant.assessment-authorized") == 2


async def test_each_participant_has_an_outcome(harness: Harness) -> None:
    scenario = await authorized_scenario(harness)
    unknown = str(new_id())
    answer = await scenario.proctor.supervision.WithdrawAuthorization(
        withdrawing(scenario, unknown, scenario.participant_id)
    )
    assert [(each.participant_id, each.error.reason) for each in answer.outcomes] == [
        (unknown, "NOT_FOUND"),
        (scenario.participant_id, ""),
    ]
    removal = pb.RemoveParticipantsRequest(
        session_id=scenario.session_id,
        participant_ids=[scenario.participant_id],
        removal_reason="A phone.",
    )
    await scenario.proctor.supervision.RemoveParticipants(removal)
    answer = await scenario.proctor.supervision.WithdrawAuthorization(
        withdrawing(scenario, scenario.participant_id)
    )
    assert answer.outcomes[0].error.reason == "PARTICIPANT_NOT_IN_SESSION"


async def test_empty_list_withdraws_from_everybody_who_is_authorised(harness: Harness) -> None:
    scenario = await authorized_scenario(harness)
    request = withdrawing(scenario)
    answer = await scenario.proctor.supervision.WithdrawAuthorization(request)
    assert [each.participant_id for each in answer.outcomes] == [scenario.participant_id]
    await harness.handle(await result(harness, scenario), position=14)
    answer = await scenario.proctor.supervision.WithdrawAuthorization(request)
    assert not answer.outcomes


async def test_withdrawal_is_refused_outside_the_session_and_for_other_assessments(
    harness: Harness,
) -> None:
    scenario = await create_scenario(harness)
    call = scenario.proctor.supervision.WithdrawAuthorization
    error = await harness.refused(call, withdrawing(scenario))
    assert (error.reason, error.metadata["from"]) == ("INVALID_STATE_TRANSITION", "lobby_open")
    await start(scenario.proctor, scenario.session_id)
    error = await harness.refused(call, withdrawing(scenario, assessment_id=str(new_id())))
    assert error.reason == "ASSESSMENT_NOT_IN_SESSION"
    error = await harness.refused(
        call, withdrawing(scenario, scenario.participant_id, scenario.participant_id)
    )
    assert error.reason == "INVALID_REQUEST"
    stranger = harness.proctor().supervision.WithdrawAuthorization
    assert (await harness.refused(stranger, withdrawing(scenario))).reason == "NOT_YOUR_SESSION"
    await end(scenario.proctor, scenario.session_id)
    assert (await harness.refused(call, withdrawing(scenario))).metadata["from"] == "ended"


@pytest.mark.parametrize(
    ("before", "change"),
    [
        ("state = 3", "state = 2"),
        ("state = 3", "state = 1"),
        ("authorization_revision = 1000", "authorization_revision = 999"),
    ],
)
async def test_database_refuses_a_progress_that_decreases(
    harness: Harness, before: str, change: str
) -> None:
    scenario = await authorized_scenario(harness)
    update = "UPDATE participant_assessments SET {} WHERE participant_id = :id"
    await harness.rows(update.format(before), id=UUID(scenario.participant_id))
    with pytest.raises(DBAPIError, match="RestrictViolation"):
        await harness.rows(update.format(change), id=UUID(scenario.participant_id))


@pytest.mark.parametrize(
    "change",
    [
        "state = 1, withdrawal = 'pending'",
        "state = 2, withdrawal = 'already_started'",
        "withdrawal = 'refused'",
    ],
)
async def test_database_refuses_a_withdrawal_that_does_not_fit_the_progress(
    harness: Harness, change: str
) -> None:
    scenario = await authorized_scenario(harness)
    update = f"UPDATE participant_assessments SET {change} WHERE participant_id = :id"
    with pytest.raises(DBAPIError, match="CheckViolation"):
        await harness.rows(update, id=UUID(scenario.participant_id))
