"""Test that the edge and the services refuse invalid requests with a reason and without changing data."""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from e2e.clients import LearnerClient, ProctorClient
from e2e.scenario import Scenario, create_scenario
from e2e.tokens import sign_token
from proctorium.assessment.v1.attempts_pb2 import (
    AnswerChange,
    GetAttemptRequest,
    ListAttemptsRequest,
    SaveAnswersRequest,
    StartAttemptRequest,
)
from proctorium.assessment.v1.items_pb2 import Answer
from proctorium.enrollment.v1.accounts_pb2 import GetMeRequest
from proctorium.enrollment.v1.codes_pb2 import (
    CODE_STATE_EXPIRED,
    BatchResolveCodesRequest,
    CodeEntry,
    IssueCodeRequest,
    ListCodesRequest,
    RevokeCodeRequest,
)
from proctorium.notification.v1.notifications_pb2 import ListNotificationsRequest
from proctorium.session.v1.lobby_pb2 import JoinSessionRequest, JoinSessionResponse
from proctorium.session.v1.sessions_pb2 import (
    SESSION_STATE_IN_PROGRESS,
    GetSessionRequest,
    StartSessionRequest,
)
from proctorium_common.errors import Kind
from proctorium_common.ids import new_id
from proctorium_devstack.demo.edge import EdgeChannel
from proctorium_devstack.demo.people import Person
from proctorium_devstack.demo.waiting import eventually
from proctorium_devstack.stack import Stack
from proctorium_devstack.testing.refusals import refusal


async def participant_count(scenario: Scenario) -> int:
    answer = await scenario.administrator.sessions.GetSession(
        GetSessionRequest(session_id=scenario.session_id)
    )
    return answer.session.participant_count


def join(learner: Person, code: str) -> Awaitable[JoinSessionResponse]:
    return learner.lobby.JoinSession(JoinSessionRequest(request_id=str(new_id()), code=code))


async def test_wrong_code_is_refused_with_a_hint_about_upper_and_lower_case(
    scenario: Scenario,
) -> None:
    error = await refusal(join(scenario.learners[0], scenario.code.swapcase()))
    assert (error.kind, error.reason) == (Kind.NOT_FOUND, "CODE_INVALID")
    assert "case" in error.message
    assert await participant_count(scenario) == 0


async def test_expired_code_is_refused(scenario: Scenario) -> None:
    soon = Timestamp()
    soon.FromDatetime(datetime.now(UTC) + timedelta(seconds=1))
    issued = await scenario.administrator.codes.IssueCode(
        IssueCodeRequest(session_id=scenario.session_id, valid_until_time=soon)
    )

    async def expired() -> bool | None:
        request = ListCodesRequest(session_id=scenario.session_id)
        codes = (await scenario.administrator.codes.ListCodes(request)).codes
        states = {code.code_id: code.state for code in codes}
        return True if states[issued.code.code_id] == CODE_STATE_EXPIRED else None

    await eventually(expired, "the code to expire")
    error = await refusal(join(scenario.learners[0], issued.code.text))
    assert error.reason == "CODE_EXPIRED"
    assert await participant_count(scenario) == 0


async def test_revoked_code_is_refused(scenario: Scenario) -> None:
    listed = await scenario.administrator.codes.ListCodes(
        ListCodesRequest(session_id=scenario.session_id)
    )
    await scenario.administrator.codes.RevokeCode(
        RevokeCodeRequest(code_id=listed.codes[0].code_id)
    )
    error = await refusal(join(scenario.learners[0], scenario.code))
    assert error.reason == "CODE_REVOKED"
    assert await participant_count(scenario) == 0


async def test_join_of_a_full_session_is_refused_but_rejoin_is_not(stack: Stack) -> None:
    scenario = await create_scenario(stack.address("edge"), capacity=1)
    first, second = scenario.learners
    await join(first, scenario.code)
    error = await refusal(join(second, scenario.code))
    assert error.reason == "SESSION_FULL"
    assert await participant_count(scenario) == 1
    rejoined = await first.lobby.JoinSession(
        JoinSessionRequest(request_id=str(new_id()), code=scenario.code)
    )
    assert rejoined.rejoin
    await scenario.close()


async def test_join_of_an_ended_session_is_refused(scenario: Scenario) -> None:
    proctor = ProctorClient(scenario)
    await join(scenario.learners[0], scenario.code)
    await proctor.start()
    await proctor.end()
    error = await refusal(join(scenario.learners[1], scenario.code))
    assert error.reason == "SESSION_ENDED"
    assert await participant_count(scenario) == 1


async def test_lesson_is_refused_while_the_learner_is_waiting(scenario: Scenario) -> None:
    learner = LearnerClient(scenario.learners[0], scenario)
    await learner.join()
    error = await refusal(learner.get_lesson())
    assert error.reason == "PARTICIPANT_NOT_IN_SESSION"
    await learner.close()


async def test_start_of_an_unauthorised_attempt_is_refused(scenario: Scenario) -> None:
    learner = LearnerClient(scenario.learners[0], scenario)
    await learner.join()
    await ProctorClient(scenario).start()
    await learner.be_in_session()
    attempt_id = await learner.find_attempt()
    error = await refusal(
        learner.learner.attempts.StartAttempt(StartAttemptRequest(attempt_id=attempt_id))
    )
    assert error.reason == "ATTEMPT_NOT_AUTHORIZED"
    attempt = await learner.learner.attempts.GetAttempt(GetAttemptRequest(attempt_id=attempt_id))
    assert not attempt.attempt.items
    await learner.close()


async def test_learner_cannot_call_a_proctors_method(scenario: Scenario) -> None:
    request = StartSessionRequest(session_id=scenario.session_id)
    error = await refusal(scenario.learners[0].sessions.StartSession(request))
    assert (error.kind, error.reason) == (Kind.NOT_ALLOWED, "NOT_ALLOWED")


async def test_administrator_cannot_call_a_method_for_services(scenario: Scenario) -> None:
    entry = CodeEntry(text=scenario.code, person_id=scenario.learners[0].person_id)
    request = BatchResolveCodesRequest(entries=[entry])
    error = await refusal(scenario.administrator.codes.BatchResolveCodes(request))
    assert error.reason == "NOT_ALLOWED"


async def test_proctor_of_another_session_is_refused(stack: Stack, scenario: Scenario) -> None:
    other = await create_scenario(stack.address("edge"), learner_channels=())
    request = StartSessionRequest(session_id=scenario.session_id)
    error = await refusal(other.proctor.sessions.StartSession(request))
    assert error.reason == "NOT_YOUR_SESSION"
    await other.close()


@pytest.fixture
async def examined(scenario: Scenario) -> LearnerClient:
    """A learner who has answered all questions but has not yet submitted the attempt."""
    learner = LearnerClient(scenario.learners[0], scenario)
    proctor = ProctorClient(scenario)
    await learner.join()
    case = await learner.send_evidence()
    proctor.watch()
    await proctor.verify(case)
    await proctor.start()
    await proctor.authorize(learner)
    attempt = await learner.start()
    await learner.answer_all(attempt)
    await proctor.close()
    return learner


async def test_attempt_of_another_learner_is_refused(
    scenario: Scenario, examined: LearnerClient
) -> None:
    stranger = scenario.learners[1]
    change = AnswerChange(sequence=99, item_id=str(new_id()), answer=Answer(truth=True))
    for call in (
        stranger.attempts.GetAttempt(GetAttemptRequest(attempt_id=examined.attempt_id)),
        stranger.attempts.StartAttempt(StartAttemptRequest(attempt_id=examined.attempt_id)),
        stranger.attempts.SaveAnswers(
            SaveAnswersRequest(attempt_id=examined.attempt_id, changes=[change])
        ),
    ):
        error = await refusal(call)
        assert (error.kind, error.reason) == (Kind.NOT_ALLOWED, "NOT_YOUR_ATTEMPT")
    await examined.close()


async def test_save_after_the_session_ended_is_refused_and_changes_no_score(
    scenario: Scenario, examined: LearnerClient
) -> None:
    await ProctorClient(scenario).end()
    result = await examined.wait_for_result()
    statement = next(
        one.item for one in result.item_results if one.item.WhichOneof("kind") == "true_false"
    )
    error = await refusal(examined.save(statement, Answer(truth=True)))
    assert error.reason == "ATTEMPT_SUBMITTED"
    assert (await examined.wait_for_result()).points == result.points
    await examined.close()


def _with_claims(token: str, **claims: object) -> str:
    header, payload, signature = token.split(".")
    original = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    changed = json.dumps(original | claims, separators=(",", ":")).encode()
    return ".".join((header, base64.urlsafe_b64encode(changed).decode().rstrip("="), signature))


async def test_expired_token_is_refused_by_every_service(stack: Stack, scenario: Scenario) -> None:
    proctor = scenario.proctor
    start = StartSessionRequest(session_id=scenario.session_id)
    for ago, reason in ((timedelta(0), None), (timedelta(hours=1), "TOKEN_EXPIRED")):
        token = await sign_token(stack, proctor.person_id, ["proctor"], ago)
        caller = Person(EdgeChannel(stack.address("edge"), token), token)
        if reason is None:
            # Check that a service accepts a token from this test before the token expires.
            me = await caller.accounts.GetMe(GetMeRequest())
            assert me.person.person_id == proctor.person_id
        else:
            for call in (
                caller.accounts.GetMe(GetMeRequest()),
                caller.sessions.StartSession(start),
                caller.attempts.ListAttempts(ListAttemptsRequest(session_id=scenario.session_id)),
                caller.inbox.ListNotifications(ListNotificationsRequest()),
            ):
                error = await refusal(call)
                assert (error.kind, error.reason) == (Kind.UNAUTHENTICATED, reason)
        await caller.close()
    request = GetSessionRequest(session_id=scenario.session_id)
    session = (await scenario.administrator.sessions.GetSession(request)).session
    assert session.state != SESSION_STATE_IN_PROGRESS


async def test_forged_malformed_and_missing_tokens_are_refused(
    stack: Stack, scenario: Scenario
) -> None:
    learner = scenario.learners[0]
    assert learner.token is not None
    forged = _with_claims(learner.token, roles=["administrator"])
    for token, reason in (
        (forged, "TOKEN_INVALID"),
        ("nonsense", "TOKEN_INVALID"),
        (None, "TOKEN_MISSING"),
    ):
        caller = Person(EdgeChannel(stack.address("edge"), token), token)
        error = await refusal(caller.accounts.GetMe(GetMeRequest()))
        assert (error.kind, error.reason) == (Kind.UNAUTHENTICATED, reason)
        await caller.close()
