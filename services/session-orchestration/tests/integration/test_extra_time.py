"""Tests of granting extra time to participants, and of taking it back."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from google.protobuf.duration_pb2 import Duration
from sqlalchemy.exc import DBAPIError

from proctorium.options.v1.options_pb2 import ROLE_PROCTOR
from proctorium.session.events.v1 import events_pb2
from proctorium.session.v1 import supervision_pb2 as pb
from proctorium_common.ids import new_id
from proctorium_devstack.testing.waiting import next_response

from .harness import Harness, end, roster, start
from .test_live import connected, watch
from .test_pauses import Room, in_progress, lobby

REASON = "The laptop was replaced."


def granting(
    room: Room, seconds: float, *participant_ids: str, reason: str = REASON
) -> pb.GrantExtraTimeRequest:
    amount = Duration()
    amount.FromTimedelta(timedelta(seconds=seconds))
    return pb.GrantExtraTimeRequest(
        session_id=room.session_id,
        participant_ids=participant_ids,
        amount=amount,
        extra_time_reason=reason,
    )


async def grant(room: Room, seconds: float, *participant_ids: str) -> pb.GrantExtraTimeResponse:
    return await room.proctor.supervision.GrantExtraTime(granting(room, seconds, *participant_ids))


async def seconds_of(room: Room) -> list[int]:
    shown = await roster(room.proctor, room.session_id)
    return [each.extra_time.seconds for each in shown.participants]


async def test_learner_sees_the_sum_and_the_last_reason(harness: Harness) -> None:
    room = await in_progress(harness)
    call = watch(room.learners[0], room.session_id)
    await connected(call)
    await grant(room, 600, room.ids[0])
    view = await next_response(call)
    assert view.participant.extra_time.seconds == 600
    assert view.participant.extra_time_reason == REASON
    taken = granting(room, -150, room.ids[0], reason="It took less time.")
    outcome = (await room.proctor.supervision.GrantExtraTime(taken)).outcomes[0]
    assert outcome.participant.extra_time.seconds == 450
    # An outcome does not repeat the reason of the request.
    assert outcome.participant.extra_time_reason == ""
    view = await next_response(call)
    assert view.participant.extra_time.seconds == 450
    assert view.participant.extra_time_reason == "It took less time."
    assert await seconds_of(room) == [450, 0]


async def test_empty_list_means_everybody_for_whom_the_session_is_not_over(
    harness: Harness,
) -> None:
    room = await lobby(harness)
    await grant(room, 60)
    await start(room.proctor, room.session_id)
    assert await seconds_of(room) == [60, 60]
    removal = pb.RemoveParticipantsRequest(
        session_id=room.session_id, participant_ids=[room.ids[1]], removal_reason="A phone."
    )
    await room.proctor.supervision.RemoveParticipants(removal)
    answer = await grant(room, 60)
    assert [each.participant_id for each in answer.outcomes] == [room.ids[0]]
    assert await seconds_of(room) == [120, 60]
    (outcome,) = (await grant(room, 60, room.ids[1])).outcomes
    assert outcome.error.reason == "PARTICIPANT_NOT_IN_SESSION"


async def test_no_more_can_be_taken_back_than_was_granted(harness: Harness) -> None:
    room = await in_progress(harness)
    await grant(room, 300, room.ids[0])
    answer = await grant(room, -300)
    assert [each.error.reason for each in answer.outcomes] == ["", "EXTRA_TIME_NOT_GRANTED"]
    assert await seconds_of(room) == [0, 0]
    answer = await grant(room, -1, room.ids[0], str(new_id()))
    assert [each.error.reason for each in answer.outcomes] == [
        "EXTRA_TIME_NOT_GRANTED",
        "NOT_FOUND",
    ]


async def test_sum_is_limited_to_a_day(harness: Harness) -> None:
    room = await in_progress(harness)
    await grant(room, 86_400, room.ids[0])
    (outcome,) = (await grant(room, 1, room.ids[0])).outcomes
    assert outcome.error.reason == "EXTRA_TIME_LIMIT_REACHED"
    assert await seconds_of(room) == [86_400, 0]


async def test_repeated_request_id_grants_once(harness: Harness) -> None:
    room = await in_progress(harness)
    request = granting(room, 60)
    request.request_id = str(new_id())
    first = await room.proctor.supervision.GrantExtraTime(request)
    assert await room.proctor.supervision.GrantExtraTime(request) == first
    assert await seconds_of(room) == [60, 60]


async def test_event_has_the_amount_and_no_reason(harness: Harness) -> None:
    room = await in_progress(harness)
    await grant(room, 60, room.ids[0])
    await grant(room, -20, room.ids[0])
    granted, taken = await room.events(events_pb2.ParticipantExtraTimeGranted)
    assert (granted.amount.seconds, taken.amount.seconds) == (60, -20)
    assert granted.grant_id != taken.grant_id
    assert granted.participant_id == room.ids[0]
    assert (granted.granted_by, granted.acting_role) == (room.proctor.id, ROLE_PROCTOR)
    assert granted.HasField("grant_time")
    assert REASON.encode() not in granted.SerializeToString()
    names = await harness.recorded(room.session_id)
    assert names.count("participant.extra-time-granted") == 2


async def test_extra_time_is_refused_after_the_end(harness: Harness) -> None:
    room = await in_progress(harness)
    await end(room.proctor, room.session_id)
    error = await harness.refused(room.proctor.supervision.GrantExtraTime, granting(room, 60))
    assert (error.reason, error.metadata["from"]) == ("INVALID_STATE_TRANSITION", "ended")


async def test_only_supervisors_can_grant_extra_time(harness: Harness) -> None:
    room = await in_progress(harness)
    for person, reason in (
        (harness.proctor(), "NOT_YOUR_SESSION"),
        (room.learners[0], "NOT_ALLOWED"),
    ):
        error = await harness.refused(person.supervision.GrantExtraTime, granting(room, 60))
        assert error.reason == reason


@pytest.mark.parametrize("seconds", [0, 0.5, 86_401, -86_401, 31_536_000])
async def test_invalid_amount_is_refused(harness: Harness, seconds: float) -> None:
    room = await in_progress(harness)
    error = await harness.refused(room.proctor.supervision.GrantExtraTime, granting(room, seconds))
    assert error.reason == "INVALID_REQUEST"
    assert {each.field for each in error.violations} == {"amount"}


@pytest.mark.parametrize("seconds", [315_576_000_001, 2**63 - 1, -(2**63)])
async def test_amount_beyond_the_range_of_durations_is_refused(
    harness: Harness, seconds: int
) -> None:
    room = await in_progress(harness)
    request = granting(room, 60)
    request.amount.seconds = seconds
    error = await harness.refused(room.proctor.supervision.GrantExtraTime, request)
    assert error.reason == "INVALID_REQUEST"
    assert {each.field for each in error.violations} == {"amount"}


async def test_missing_amount_and_reason_are_refused(harness: Harness) -> None:
    room = await in_progress(harness)
    request = pb.GrantExtraTimeRequest(session_id=room.session_id)
    error = await harness.refused(room.proctor.supervision.GrantExtraTime, request)
    assert {each.field for each in error.violations} == {"amount", "extra_time_reason"}


@pytest.mark.parametrize(
    "statement",
    ["UPDATE extra_time_grants SET amount = amount * 2", "DELETE FROM extra_time_grants"],
)
async def test_database_refuses_changes_of_grants(harness: Harness, statement: str) -> None:
    room = await in_progress(harness)
    await grant(room, 60)
    with pytest.raises(DBAPIError, match="RestrictViolation"):
        await harness.rows(statement)


@pytest.mark.parametrize("amount", ["-1 second", "25 hours"])
async def test_database_bounds_the_sum_of_extra_time(harness: Harness, amount: str) -> None:
    room = await in_progress(harness)
    with pytest.raises(DBAPIError, match="CheckViolation"):
        await harness.rows(
            "INSERT INTO extra_time_grants VALUES"
            f" (:grant, :session, :participant, '{amount}', 'x', now(), :grant, 'proctor')",
            grant=new_id(),
            session=UUID(room.session_id),
            participant=UUID(room.ids[0]),
        )
