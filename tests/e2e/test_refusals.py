"""What must be refused is refused, at the edge, with a reason of its own; and nothing is changed by it."""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from e2e.stage import Stage, set_stage
from e2e.story import LearnerStory, ProctorStory
from e2e.tokens import signed
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


async def participants_of(stage: Stage) -> int:
    answer = await stage.administrator.sessions.GetSession(
        GetSessionRequest(session_id=stage.session_id)
    )
    return answer.session.participant_count


def join(learner: Person, code: str) -> Awaitable[JoinSessionResponse]:
    return learner.lobby.JoinSession(JoinSessionRequest(request_id=str(new_id()), code=code))


async def test_a_wrong_code_is_invalid_and_says_to_check_the_case(stage: Stage) -> None:
    error = await refusal(join(stage.learners[0], stage.code.swapcase()))
    assert (error.kind, error.reason) == (Kind.NOT_FOUND, "CODE_INVALID")
    assert "case" in error.message
    assert await participants_of(stage) == 0


async def test_an_expired_code_says_so(stage: Stage) -> None:
    soon = Timestamp()
    soon.FromDatetime(datetime.now(UTC) + timedelta(seconds=1))
    issued = await stage.administrator.codes.IssueCode(
        IssueCodeRequest(session_id=stage.session_id, valid_until_time=soon)
    )

    async def expired() -> bool | None:
        request = ListCodesRequest(session_id=stage.session_id)
        codes = (await stage.administrator.codes.ListCodes(request)).codes
        states = {code.code_id: code.state for code in codes}
        return True if states[issued.code.code_id] == CODE_STATE_EXPIRED else None

    await eventually(expired, "the code to expire")
    error = await refusal(join(stage.learners[0], issued.code.text))
    assert error.reason == "CODE_EXPIRED"
    assert await participants_of(stage) == 0


async def test_a_revoked_code_says_so(stage: Stage) -> None:
    listed = await stage.administrator.codes.ListCodes(
        ListCodesRequest(session_id=stage.session_id)
    )
    await stage.administrator.codes.RevokeCode(RevokeCodeRequest(code_id=listed.codes[0].code_id))
    error = await refusal(join(stage.learners[0], stage.code))
    assert error.reason == "CODE_REVOKED"
    assert await participants_of(stage) == 0


async def test_a_full_session_takes_nobody_more(stack: Stack) -> None:
    stage = await set_stage(stack.address("edge"), capacity=1)
    first, second = stage.learners
    await join(first, stage.code)
    error = await refusal(join(second, stage.code))
    assert error.reason == "SESSION_FULL"
    assert await participants_of(stage) == 1
    again = await first.lobby.JoinSession(
        JoinSessionRequest(request_id=str(new_id()), code=stage.code)
    )
    assert again.rejoin
    await stage.close()


async def test_an_ended_session_cannot_be_joined(stage: Stage) -> None:
    proctor = ProctorStory(stage)
    await join(stage.learners[0], stage.code)
    await proctor.start()
    await proctor.end()
    error = await refusal(join(stage.learners[1], stage.code))
    assert error.reason == "SESSION_ENDED"
    assert await participants_of(stage) == 1


async def test_content_is_closed_while_waiting(stage: Stage) -> None:
    learner = LearnerStory(stage.learners[0], stage)
    await learner.join()
    error = await refusal(learner.get_lesson())
    assert error.reason == "PARTICIPANT_NOT_IN_SESSION"
    await learner.close()


async def test_an_attempt_begins_only_when_authorised(stage: Stage) -> None:
    learner = LearnerStory(stage.learners[0], stage)
    await learner.join()
    await ProctorStory(stage).start()
    await learner.be_in_session()
    attempt_id = await learner.find_attempt()
    error = await refusal(
        learner.learner.attempts.StartAttempt(StartAttemptRequest(attempt_id=attempt_id))
    )
    assert error.reason == "ATTEMPT_NOT_AUTHORIZED"
    attempt = await learner.learner.attempts.GetAttempt(GetAttemptRequest(attempt_id=attempt_id))
    assert not attempt.attempt.items
    await learner.close()


async def test_a_learner_cannot_call_a_proctors_method(stage: Stage) -> None:
    request = StartSessionRequest(session_id=stage.session_id)
    error = await refusal(stage.learners[0].sessions.StartSession(request))
    assert (error.kind, error.reason) == (Kind.NOT_ALLOWED, "NOT_ALLOWED")


async def test_nobody_outside_can_call_a_services_method(stage: Stage) -> None:
    entry = CodeEntry(text=stage.code, person_id=stage.learners[0].person_id)
    request = BatchResolveCodesRequest(entries=[entry])
    error = await refusal(stage.administrator.codes.BatchResolveCodes(request))
    assert error.reason == "NOT_ALLOWED"


async def test_a_proctor_of_another_session_is_refused(stack: Stack, stage: Stage) -> None:
    other = await set_stage(stack.address("edge"), learner_channels=())
    request = StartSessionRequest(session_id=stage.session_id)
    error = await refusal(other.proctor.sessions.StartSession(request))
    assert error.reason == "NOT_YOUR_SESSION"
    await other.close()


@pytest.fixture
async def examined(stage: Stage) -> LearnerStory:
    """A learner in the middle of the examination."""
    learner = LearnerStory(stage.learners[0], stage)
    proctor = ProctorStory(stage)
    await learner.join()
    case = await learner.send_evidence()
    proctor.watch()
    await proctor.verify(case)
    await proctor.start()
    await proctor.authorize(learner)
    attempt = await learner.begin()
    await learner.answer_all(attempt)
    await proctor.close()
    return learner


async def test_another_learners_attempt_is_out_of_reach(
    stage: Stage, examined: LearnerStory
) -> None:
    stranger = stage.learners[1]
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


async def test_saving_after_the_end_is_refused_and_changes_no_answer(
    stage: Stage, examined: LearnerStory
) -> None:
    await ProctorStory(stage).end()
    result = await examined.see_feedback()
    statement = next(
        one.item for one in result.item_results if one.item.WhichOneof("kind") == "true_false"
    )
    error = await refusal(examined.save(statement, Answer(truth=True)))
    assert error.reason == "ATTEMPT_SUBMITTED"
    assert (await examined.see_result()).points == result.points
    await examined.close()


def _with_claims(token: str, **claims: object) -> str:
    header, payload, signature = token.split(".")
    told = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    changed = json.dumps(told | claims, separators=(",", ":")).encode()
    return ".".join((header, base64.urlsafe_b64encode(changed).decode().rstrip("="), signature))


async def test_a_token_whose_time_is_over_opens_nothing(stack: Stack, stage: Stage) -> None:
    proctor = stage.proctor
    start = StartSessionRequest(session_id=stage.session_id)
    for ago, reason in ((timedelta(0), None), (timedelta(hours=1), "TOKEN_EXPIRED")):
        token = await signed(stack, proctor.person_id, ["proctor"], ago)
        caller = Person(EdgeChannel(stack.address("edge"), token), token)
        if reason is None:
            # It is the system's own key that signs here: the same token an hour younger is good.
            me = await caller.accounts.GetMe(GetMeRequest())
            assert me.person.person_id == proctor.person_id
        else:
            for call in (
                caller.accounts.GetMe(GetMeRequest()),
                caller.sessions.StartSession(start),
                caller.attempts.ListAttempts(ListAttemptsRequest(session_id=stage.session_id)),
                caller.inbox.ListNotifications(ListNotificationsRequest()),
            ):
                error = await refusal(call)
                assert (error.kind, error.reason) == (Kind.UNAUTHENTICATED, reason)
        await caller.close()
    request = GetSessionRequest(session_id=stage.session_id)
    session = (await stage.administrator.sessions.GetSession(request)).session
    assert session.state != SESSION_STATE_IN_PROGRESS


async def test_forged_and_missing_tokens_are_refused(stack: Stack, stage: Stage) -> None:
    learner = stage.learners[0]
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
