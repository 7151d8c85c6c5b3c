"""Tests of reopening sessions after their end, and the end of the time in which proctors can reopen them."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from google.protobuf.duration_pb2 import Duration
from sqlalchemy.exc import DBAPIError

from proctorium.assessment.events.v1 import events_pb2 as assessment
from proctorium.session.events.v1 import events_pb2
from proctorium.session.v1 import lobby_pb2, sessions_pb2
from proctorium.session.v1 import supervision_pb2 as pb
from proctorium_common.errors import Kind
from proctorium_common.ids import new_id
from proctorium_devstack.testing.refusals import refusal
from proctorium_devstack.testing.waiting import until

from .closing import IN_PROGRESS
from .harness import Harness, Person, end, join, plan, roster, start
from .test_live import connected, seen_as, watch, watch_roster
from .test_pauses import Room
from .test_removals import end_for, remove, start_attempt

WINDOW = timedelta(minutes=5)
IN_SESSION = lobby_pb2.PARTICIPANT_STATE_IN_SESSION
COMPLETED = lobby_pb2.PARTICIPANT_STATE_COMPLETED
LEFT = lobby_pb2.PARTICIPANT_STATE_LEFT
REMOVED = lobby_pb2.PARTICIPANT_STATE_REMOVED
AWAITING = lobby_pb2.PARTICIPANT_STATE_AWAITING_APPROVAL
DENIED = lobby_pb2.PARTICIPANT_STATE_DENIED


async def in_progress(harness: Harness, *, window: timedelta = WINDOW) -> Room:
    """Return a room with two learners in a session in progress."""
    proctor, learners = harness.proctor(), [harness.learner(), harness.learner()]
    planned = plan([proctor], late_entry=sessions_pb2.LATE_ENTRY_APPROVAL, reopen_window=window)
    session = await harness.scheduled(planned)
    joined = [await join(each, session.session_id) for each in learners]
    await start(proctor, session.session_id)
    ids = [each.participant.participant_id for each in joined]
    return Room(harness, proctor, learners, session.session_id, ids)


def reopening(room: Room) -> sessions_pb2.ReopenSessionRequest:
    return sessions_pb2.ReopenSessionRequest(session_id=room.session_id)


async def reopen(room: Room, person: Person | None = None) -> sessions_pb2.Session:
    return (await (person or room.proctor).sessions.ReopenSession(reopening(room))).session


async def pass_window(room: Room) -> None:
    """Move the end of the session into the past, so that its proctors can no longer reopen it."""
    await room.harness.rows(
        "UPDATE sessions SET reopen_until = now() - interval '1 second' WHERE session_id = :id",
        id=UUID(room.session_id),
    )


async def until_final(room: Room) -> None:
    async def is_final() -> bool:
        return bool(await room.events(events_pb2.SessionFinalized))

    assert await until(is_final)


async def test_reopened_session_is_in_progress_again_with_its_learners(harness: Harness) -> None:
    room = await in_progress(harness)
    call = watch(room.learners[0], room.session_id)
    await connected(call)
    await start_attempt(room, room.ids[0])
    ended = await end(room.proctor, room.session_id)
    assert ended.reopen_end_time.ToDatetime() - ended.end_time.ToDatetime() == WINDOW
    await seen_as(call, COMPLETED)
    assert await room.states() == [COMPLETED, LEFT]

    reopened = await reopen(room)
    assert reopened.state == IN_PROGRESS
    assert not reopened.HasField("end_time")
    assert not reopened.HasField("reopen_end_time")
    assert reopened.ended_by == ""
    view = await seen_as(call, IN_SESSION)
    assert view.session.state == IN_PROGRESS
    assert view.participant.connected
    assert await room.states() == [IN_SESSION, IN_SESSION]

    (event,) = await room.events(events_pb2.SessionReopened)
    assert (event.reopened_by, event.end_time) == (room.proctor.id, ended.end_time)
    assert event.reopen_time.ToDatetime() >= event.end_time.ToDatetime()
    assert list(event.person_ids) == [each.id for each in room.learners]
    (over,) = await room.events(events_pb2.SessionEnded)
    assert over.reopen_end_time == ended.reopen_end_time


async def test_reopening_a_session_in_progress_changes_nothing(harness: Harness) -> None:
    room = await in_progress(harness)
    before = await harness.state()
    assert (await reopen(room)).state == IN_PROGRESS
    assert await harness.state() == before


async def test_repeated_request_reopens_the_session_once(harness: Harness) -> None:
    room = await in_progress(harness)
    await end(room.proctor, room.session_id)
    request = reopening(room)
    request.request_id = str(new_id())
    first = await room.proctor.sessions.ReopenSession(request)
    await end(room.proctor, room.session_id)
    assert await room.proctor.sessions.ReopenSession(request) == first
    assert len(await room.events(events_pb2.SessionReopened)) == 1


async def test_session_is_reopened_again_after_its_next_end(harness: Harness) -> None:
    room = await in_progress(harness)
    for _ in range(2):
        await end(room.proctor, room.session_id)
        await reopen(room)
    await end(room.proctor, room.session_id)
    ends = await room.events(events_pb2.SessionEnded)
    assert [each.time_event_count for each in ends] == [0, 1, 2]
    ids = {each.reopening_id for each in await room.events(events_pb2.SessionReopened)}
    assert len(ids) == 2


async def test_two_proctors_who_reopen_a_session_at_once_receive_the_same_session(
    harness: Harness,
) -> None:
    room = await in_progress(harness)
    await end(room.proctor, room.session_id)
    both = (room.proctor, harness.administrator())
    shown = await asyncio.gather(*(reopen(room, each) for each in both))
    assert {each.state for each in shown} == {IN_PROGRESS}
    assert len(await room.events(events_pb2.SessionReopened)) == 1


async def test_learners_who_were_not_admitted_wait_for_the_decision_again(harness: Harness) -> None:
    room = await in_progress(harness)
    waiting, denied = [
        (await join(harness.learner(), room.session_id)).participant.participant_id
        for _ in range(2)
    ]
    await room.proctor.supervision.DenyParticipants(
        pb.DenyParticipantsRequest(
            session_id=room.session_id, participant_ids=[denied], denial_reason="Too late."
        )
    )
    await end(room.proctor, room.session_id)
    await reopen(room)
    states = {each.participant_id: each.state for each in await shown(room)}
    assert (states[waiting], states[denied]) == (AWAITING, DENIED)


async def shown(room: Room) -> list[lobby_pb2.Participant]:
    return list((await roster(room.proctor, room.session_id)).participants)


async def test_removed_learners_and_earlier_ends_stay_as_they_were(harness: Harness) -> None:
    room = await in_progress(harness)
    await remove(room, room.ids[0])
    await end_for(room, room.ids[1])
    await end(room.proctor, room.session_id)
    await reopen(room)
    assert await room.states() == [REMOVED, LEFT]
    (event,) = await room.events(events_pb2.SessionReopened)
    assert list(event.person_ids) == []


async def test_proctor_cannot_reopen_a_session_after_the_time_of_its_plan(
    harness: Harness,
) -> None:
    room = await in_progress(harness)
    await end(room.proctor, room.session_id)
    await pass_window(room)
    await until_final(room)
    error = await refusal(reopen(room))
    assert (error.kind, error.reason) == (Kind.INVALID_STATE_TRANSITION, "REOPENING_EXPIRED")
    assert (await reopen(room, harness.administrator())).state == IN_PROGRESS


async def test_released_result_prevents_the_reopening(harness: Harness) -> None:
    room = await in_progress(harness)
    await start_attempt(room, room.ids[0])
    await end(room.proctor, room.session_id)
    await harness.rows(
        "UPDATE participant_assessments SET state = 5 WHERE participant_id = :id",
        id=UUID(room.ids[0]),
    )
    for person in (room.proctor, harness.administrator()):
        error = await refusal(reopen(room, person))
        assert (error.kind, error.reason) == (Kind.INVALID_STATE_TRANSITION, "RESULT_RELEASED")


async def test_session_without_time_for_a_reopening_is_final_at_once(harness: Harness) -> None:
    room = await in_progress(harness, window=timedelta())
    ended = await end(room.proctor, room.session_id)
    assert not ended.HasField("reopen_end_time")
    (event,) = await room.events(events_pb2.SessionEnded)
    assert not event.HasField("reopen_end_time")
    assert (await refusal(reopen(room))).reason == "REOPENING_EXPIRED"


async def test_session_is_finalised_once(harness: Harness) -> None:
    room = await in_progress(harness)
    call = watch_roster(room.proctor, room.session_id)
    await end(room.proctor, room.session_id)
    await pass_window(room)
    await until_final(room)
    async for _ in call:
        pass  # The roster is final, so the stream ends.
    assert len(await room.events(events_pb2.SessionFinalized)) == 1
    assert (await harness.recorded(room.session_id))[-1] == "session.finalized"


async def test_reopened_session_does_not_close_automatically_at_once(harness: Harness) -> None:
    room = await in_progress(harness)
    await harness.rows(
        "UPDATE sessions SET start_time = now() - interval '5 hours' WHERE session_id = :id",
        id=UUID(room.session_id),
    )
    await end(room.proctor, room.session_id)
    await reopen(room)
    before = await harness.state()
    assert await harness.state() == before


@pytest.mark.parametrize("cancelled", [False, True], ids=["lobby open", "cancelled"])
async def test_only_a_session_that_has_ended_is_reopened(harness: Harness, cancelled: bool) -> None:
    proctor = harness.proctor()
    session = await harness.scheduled(plan([proctor]))
    if cancelled:
        request = sessions_pb2.CancelSessionRequest(session_id=session.session_id)
        await harness.administrator().sessions.CancelSession(request)
    asked = sessions_pb2.ReopenSessionRequest(session_id=session.session_id)
    error = await refusal(proctor.sessions.ReopenSession(asked))
    assert error.reason == "INVALID_STATE_TRANSITION"
    assert error.metadata["action"] == "reopen"


async def test_proctor_with_another_session_at_the_time_prevents_the_reopening(
    harness: Harness,
) -> None:
    room = await in_progress(harness)
    await end(room.proctor, room.session_id)
    other = await harness.scheduled(plan([room.proctor]))
    error = await refusal(reopen(room))
    assert error.reason == "PROCTOR_OVERLAP"
    assert error.metadata["session_id"] == other.session_id


async def test_other_proctors_and_learners_cannot_reopen_a_session(harness: Harness) -> None:
    room = await in_progress(harness)
    await end(room.proctor, room.session_id)
    error = await refusal(reopen(room, harness.proctor()))
    assert error.reason == "NOT_YOUR_SESSION"
    assert (await refusal(reopen(room, room.learners[0]))).kind is Kind.NOT_ALLOWED


@pytest.mark.parametrize("seconds", [-1, 3601])
async def test_time_for_a_reopening_is_limited(harness: Harness, seconds: int) -> None:
    planned = plan([harness.proctor()])
    planned.reopen_window.CopyFrom(Duration(seconds=seconds))
    request = sessions_pb2.ScheduleSessionRequest(plan=planned)
    error = await refusal(harness.administrator().sessions.ScheduleSession(request))
    assert error.reason == "INVALID_REQUEST"
    assert [each.field for each in error.violations] == ["plan.reopen_window"]


async def test_plan_without_the_field_has_the_default_time(harness: Harness) -> None:
    planned = plan([harness.proctor()])
    planned.ClearField("reopen_window")
    assert (await harness.scheduled(planned)).plan.reopen_window.ToTimedelta() == WINDOW


async def test_attempts_return_to_their_states_before_the_end(harness: Harness) -> None:
    room = await in_progress(harness)
    ids: dict[str, Any] = {
        "session_id": room.session_id,
        "assessment_id": (await end(room.proctor, room.session_id)).plan.assessment_ids[0],
    }
    started, unstarted = (
        {**ids, "participant_id": each, "attempt_id": str(new_id())} for each in room.ids
    )
    for event in (
        assessment.AttemptStarted(**started),
        assessment.AttemptSubmitted(**started),
        assessment.AttemptVoided(**unstarted),
    ):
        await harness.deliver(event)
    await reopen(room)
    await harness.deliver(assessment.AttemptReopened(**started))
    await harness.deliver(assessment.AttemptRestored(**unstarted, authorized=True))
    states = [each.assessments[0].state for each in await shown(room)]
    assert states == [
        lobby_pb2.ASSESSMENT_PROGRESS_STATE_IN_PROGRESS,
        lobby_pb2.ASSESSMENT_PROGRESS_STATE_AUTHORIZED,
    ]


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("participants", "state = 'in_session'"),
        (
            "sessions",
            "state = 'in_progress', end_time = NULL, ended_by = NULL, reopen_until = NULL",
        ),
        ("sessions", "reopen_window = interval '2 hours'"),
    ],
    ids=["participants of a session that is over", "session with a released result", "long window"],
)
async def test_database_refuses_wrong_reopenings(harness: Harness, table: str, change: str) -> None:
    room = await in_progress(harness)
    await start_attempt(room, room.ids[0])
    await end(room.proctor, room.session_id)
    await harness.rows(
        "UPDATE participant_assessments SET state = 5 WHERE participant_id = :id",
        id=UUID(room.ids[0]),
    )
    with pytest.raises(DBAPIError):
        await harness.rows(
            f"UPDATE {table} SET {change} WHERE session_id = :id", id=UUID(room.session_id)
        )


async def test_database_refuses_a_time_for_a_reopening_before_the_end(harness: Harness) -> None:
    room = await in_progress(harness)
    with pytest.raises(DBAPIError, match="ck_sessions_reopen_until"):
        await harness.rows(
            "UPDATE sessions SET reopen_until = now() WHERE session_id = :id",
            id=UUID(room.session_id),
        )
