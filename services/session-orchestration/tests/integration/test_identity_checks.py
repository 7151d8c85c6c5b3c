"""Tests of identity checks that proctors request in sessions whose policy requires none."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy.exc import DBAPIError

from proctorium.identity.events.v1 import events_pb2 as identity
from proctorium.options.v1.options_pb2 import ROLE_ADMINISTRATOR, ROLE_PROCTOR
from proctorium.session.events.v1 import events_pb2
from proctorium.session.v1 import lobby_pb2
from proctorium.session.v1 import supervision_pb2 as pb
from proctorium_common.ids import new_id
from proctorium_common.messages import from_timestamp
from proctorium_devstack.testing.waiting import next_response

from .harness import Harness, Person, end, plan, roster, start
from .test_live import connected, seen_as, watch
from .test_pauses import Room, in_progress, lobby

REQUESTED = lobby_pb2.IDENTITY_STATE_REQUESTED
VERIFIED = lobby_pb2.IDENTITY_STATE_VERIFIED


REASON = "I cannot see your face."


def requesting(
    room: Room, *participant_ids: str, reason: str = REASON
) -> pb.RequestIdentityCheckRequest:
    return pb.RequestIdentityCheckRequest(
        session_id=room.session_id, participant_ids=participant_ids, identity_check_reason=reason
    )


async def request(
    room: Room, *participant_ids: str, person: Person | None = None
) -> list[pb.ParticipantOutcome]:
    supervision = (person or room.proctor).supervision
    response = await supervision.RequestIdentityCheck(requesting(room, *participant_ids))
    return list(response.outcomes)


async def test_learner_sees_the_request_and_can_still_be_authorised(harness: Harness) -> None:
    room = await in_progress(harness)
    call = watch(room.learners[0], room.session_id)
    view = await connected(call)
    assert view.participant.identity == lobby_pb2.IDENTITY_STATE_NOT_REQUIRED
    (outcome,) = await request(room, room.ids[0])
    assert outcome.participant.identity == REQUESTED
    # An outcome does not repeat the reason of the request.
    assert outcome.participant.identity_check_reason == ""
    shown = (await next_response(call)).participant
    assert (shown.identity, shown.identity_check_reason) == (REQUESTED, REASON)
    call.cancel()
    (event,) = await room.events(events_pb2.ParticipantIdentityCheckRequested)
    assert (event.participant_id, event.person_id) == (room.ids[0], room.learners[0].id)
    assert (event.requested_by, event.acting_role) == (room.proctor.id, ROLE_PROCTOR)
    assert "participant.identity-check-requested" in await harness.recorded(room.session_id)
    assessment_id = view.session.plan.assessment_ids[0]
    authorised = await room.proctor.supervision.AuthorizeAssessment(
        pb.AuthorizeAssessmentRequest(session_id=room.session_id, assessment_id=assessment_id)
    )
    assert not any(each.HasField("error") for each in authorised.outcomes)


async def test_reason_is_permanent_and_not_in_the_record(harness: Harness) -> None:
    room = await in_progress(harness)
    await request(room, room.ids[0])
    ((time, body),) = await harness.rows(
        "SELECT time, body FROM session_record"
        " WHERE session_id = :id AND event = 'participant.identity-check-requested'",
        id=UUID(room.session_id),
    )
    recorded = events_pb2.ParticipantIdentityCheckRequested.FromString(body)
    assert from_timestamp(recorded.request_time) == time
    assert REASON.encode() not in body
    for reason in ("", "Another reason."):
        with pytest.raises(DBAPIError, match="the reason of an identity check is permanent"):
            await harness.rows(
                "UPDATE participants SET identity_check_reason = :reason WHERE participant_id = :id",
                reason=reason,
                id=UUID(room.ids[0]),
            )


async def test_events_of_the_case_follow_the_request(harness: Harness) -> None:
    room = await in_progress(harness)
    await request(room, room.ids[0])
    for kind in (identity.CaseOpened, identity.CaseSubmitted, identity.CaseVerified):
        event = kind(
            case_id=str(new_id()),
            session_id=room.session_id,
            participant_id=room.ids[0],
            person_id=room.learners[0].id,
        )
        await harness.handle(event)
    shown = (await roster(room.proctor, room.session_id)).participants
    assert [each.identity for each in shown if each.participant_id == room.ids[0]] == [VERIFIED]
    (outcome,) = await request(room, room.ids[0])
    assert outcome.error.reason == "IDENTITY_ALREADY_DECIDED"


async def test_repeated_requests_of_two_proctors_request_one_check(harness: Harness) -> None:
    room = await lobby(harness)
    administrator = harness.administrator()
    first, second = await asyncio.gather(
        request(room, *room.ids), request(room, *room.ids, person=administrator)
    )
    states = [each.participant.identity for each in (*first, *second)]
    assert states == [REQUESTED] * 4
    events = await room.events(events_pb2.ParticipantIdentityCheckRequested)
    assert sorted(each.participant_id for each in events) == sorted(room.ids)
    assert {each.acting_role for each in events} <= {ROLE_PROCTOR, ROLE_ADMINISTRATOR}


async def test_each_participant_has_an_outcome(harness: Harness) -> None:
    room = await in_progress(harness)
    await room.proctor.supervision.RemoveParticipants(
        pb.RemoveParticipantsRequest(
            session_id=room.session_id, participant_ids=[room.ids[1]], removal_reason="A phone."
        )
    )
    outcomes = await request(room, room.ids[0], room.ids[1], str(new_id()))
    assert [each.error.reason for each in outcomes] == [
        "",
        "PARTICIPANT_NOT_IN_SESSION",
        "NOT_FOUND",
    ]


async def test_same_request_id_requests_once(harness: Harness) -> None:
    room = await in_progress(harness)
    asked = requesting(room, room.ids[0])
    asked.request_id = str(new_id())
    answers = [await room.proctor.supervision.RequestIdentityCheck(asked) for _ in range(2)]
    assert answers[0] == answers[1]
    assert len(await room.events(events_pb2.ParticipantIdentityCheckRequested)) == 1


async def test_state_of_the_session_limits_requests(harness: Harness) -> None:
    proctor = harness.proctor()
    later = await harness.scheduled(plan([proctor], starts_in=timedelta(days=2)))
    closed = Room(harness, proctor, [], later.session_id, [str(new_id())])
    over = await in_progress(harness)
    await end(over.proctor, over.session_id)
    for room, state in ((closed, "scheduled"), (over, "ended")):
        error = await harness.refused(
            room.proctor.supervision.RequestIdentityCheck, requesting(room, room.ids[0])
        )
        assert (error.reason, error.metadata["from"]) == ("INVALID_STATE_TRANSITION", state)


async def test_only_supervisors_request_checks(harness: Harness) -> None:
    room = await in_progress(harness)
    for person, reason in (
        (harness.proctor(), "NOT_YOUR_SESSION"),
        (room.learners[0], "NOT_ALLOWED"),
    ):
        error = await harness.refused(
            person.supervision.RequestIdentityCheck, requesting(room, room.ids[0])
        )
        assert error.reason == reason


async def test_first_reason_stays_if_another_proctor_requests_the_check_again(
    harness: Harness,
) -> None:
    room = await lobby(harness)
    await request(room, room.ids[0])
    asked = requesting(room, *room.ids, reason="Another reason.")
    await room.proctor.supervision.RequestIdentityCheck(asked)
    shown = (await roster(room.proctor, room.session_id)).participants
    reasons = {each.participant_id: each.identity_check_reason for each in shown}
    assert reasons == {room.ids[0]: REASON, room.ids[1]: "Another reason."}


async def test_reason_stays_after_the_start_of_the_session(harness: Harness) -> None:
    room = await lobby(harness)
    call = watch(room.learners[0], room.session_id)
    await connected(call)
    await request(room, room.ids[0])
    await start(room.proctor, room.session_id)
    view = await seen_as(call, lobby_pb2.PARTICIPANT_STATE_IN_SESSION)
    assert view.participant.identity_check_reason == REASON
    call.cancel()


@pytest.mark.parametrize("reason", ["", "x" * 1001], ids=["empty", "long"])
async def test_invalid_reasons_are_refused(harness: Harness, reason: str) -> None:
    room = await in_progress(harness)
    error = await harness.refused(
        room.proctor.supervision.RequestIdentityCheck,
        requesting(room, room.ids[0], reason=reason),
    )
    assert error.reason == "INVALID_REQUEST"
    assert [each.field for each in error.violations] == ["identity_check_reason"]


@pytest.mark.parametrize(
    "change",
    [
        "identity_check_reason = 'Why'",
        "identity = 'requested', identity_check_reason = repeat('x', 1001)",
    ],
    ids=["without a check", "long"],
)
async def test_database_refuses_wrong_reasons(harness: Harness, change: str) -> None:
    room = await in_progress(harness)
    with pytest.raises(DBAPIError, match="ck_participants_identity_check_reason"):
        await harness.rows(
            f"UPDATE participants SET {change} WHERE session_id = :id", id=UUID(room.session_id)
        )


@pytest.mark.parametrize("ids", [[], ["x"], ["00000000-0000-0000-0000-000000000001"] * 2])
async def test_invalid_lists_are_refused(harness: Harness, ids: list[str]) -> None:
    room = await in_progress(harness)
    error = await harness.refused(
        room.proctor.supervision.RequestIdentityCheck, requesting(room, *ids)
    )
    assert error.reason == "INVALID_REQUEST"
    assert {each.field.partition("[")[0] for each in error.violations} == {"participant_ids"}
