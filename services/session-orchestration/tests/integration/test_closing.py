"""Tests of the closing of sessions by a person: countdown, cancellation, end, and the durations in a plan."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy.exc import DBAPIError

from proctorium.options.v1.options_pb2 import ROLE_ADMINISTRATOR, ROLE_PROCTOR
from proctorium.session.events.v1 import events_pb2
from proctorium.session.v1 import lobby_pb2, messages_pb2, sessions_pb2, supervision_pb2
from proctorium_common.errors import Kind
from proctorium_common.storage.database import Database
from proctorium_devstack.testing.refusals import refusal
from proctorium_devstack.testing.waiting import next_response
from proctorium_session.operations.closing import end_closed_sessions

from .closing import CLOSING, ENDED, IN_PROGRESS, LONG, NO_TIME, SHORT, Room, room
from .harness import Harness, end, join, plan, roster
from .test_live import connected, watch


def authorisation(made: Room, *only: str) -> supervision_pb2.AuthorizeAssessmentRequest:
    return supervision_pb2.AuthorizeAssessmentRequest(
        session_id=made.session_id, assessment_id=made.assessment_id, participant_ids=only
    )


async def authorise(made: Room) -> Sequence[supervision_pb2.ParticipantOutcome]:
    response = await made.proctor.supervision.AuthorizeAssessment(authorisation(made))
    return list(response.outcomes)


async def test_ending_starts_a_countdown_that_everybody_sees(harness: Harness) -> None:
    made = await room(harness)
    call = watch(made.learner, made.session_id)
    await connected(call)
    before = datetime.now(UTC)
    closing = await end(made.proctor, made.session_id)
    assert closing.state == CLOSING
    assert closing.closing.closed_by == made.proctor.id
    end_time = closing.closing.end_time.ToDatetime(UTC)
    assert before + LONG <= end_time <= datetime.now(UTC) + LONG
    assert not closing.HasField("end_time")
    view = await next_response(call)
    assert view.session.closing == closing.closing
    assert view.participant.state == lobby_pb2.PARTICIPANT_STATE_IN_SESSION
    assert (await roster(made.proctor, made.session_id)).session.closing == closing.closing
    (event,) = await made.events(events_pb2.SessionClosing)
    assert (event.end_time, event.closed_by) == (closing.closing.end_time, made.proctor.id)
    assert event.acting_role == ROLE_PROCTOR


async def test_ending_again_returns_the_present_state(harness: Harness) -> None:
    made = await room(harness)
    closing = await end(made.proctor, made.session_id)
    assert await end(harness.administrator(), made.session_id) == closing
    assert await made.recorded() == ["session.closing"]


async def test_session_ends_at_the_stored_instant(harness: Harness) -> None:
    made = await room(harness, countdown=SHORT)
    closing = await end(made.proctor, made.session_id)
    ended = await made.until_state(ENDED)
    assert ended.end_time == closing.closing.end_time
    assert ended.ended_by == made.proctor.id
    assert not ended.HasField("closing")
    (event,) = await made.events(events_pb2.SessionEnded)
    assert (event.end_time, event.ended_by) == (closing.closing.end_time, made.proctor.id)
    assert event.acting_role == ROLE_PROCTOR
    assert await made.recorded() == ["session.closing", "session.ended"]


async def test_session_without_a_countdown_ends_at_once(harness: Harness) -> None:
    made = await room(harness, countdown=NO_TIME)
    assert (await end(made.proctor, made.session_id)).state == ENDED
    assert await made.recorded() == ["session.ended"]


@pytest.mark.parametrize("is_closing", [False, True], ids=["in-progress", "closing"])
async def test_request_can_end_the_session_at_once(harness: Harness, is_closing: bool) -> None:
    made = await room(harness)
    if is_closing:
        await end(made.proctor, made.session_id)
    request = sessions_pb2.EndSessionRequest(session_id=made.session_id, end_now=True)
    assert (await made.proctor.sessions.EndSession(request)).session.state == ENDED
    assert (await made.recorded())[-1] == "session.ended"


async def test_cancelling_restores_the_session(harness: Harness) -> None:
    made = await room(harness)
    closing = await end(made.proctor, made.session_id)
    restored = await made.cancel(harness.administrator())
    assert restored.state == IN_PROGRESS
    assert not restored.HasField("closing")
    assert await made.cancel() == restored
    newcomer = harness.learner()
    await join(newcomer, made.session_id)
    await authorise(made)
    (event,) = await made.events(events_pb2.SessionClosingCancelled)
    assert event.acting_role == ROLE_ADMINISTRATOR
    assert await made.recorded() == ["session.closing", "session.closing-cancelled"]
    again = await end(made.proctor, made.session_id)
    assert again.closing.end_time.ToDatetime() > closing.closing.end_time.ToDatetime()


async def test_ended_session_cannot_be_cancelled(harness: Harness) -> None:
    made = await room(harness, countdown=NO_TIME)
    await end(made.proctor, made.session_id)
    error = await harness.refused(made.proctor.sessions.CancelClosing, made.cancelling)
    assert (error.reason, error.metadata["from"]) == ("INVALID_STATE_TRANSITION", "ended")


async def test_cancellation_after_the_stored_instant_is_refused(harness: Harness) -> None:
    made = await room(harness, countdown=timedelta(milliseconds=1))
    await end(made.proctor, made.session_id)
    await asyncio.sleep(0.01)
    error = await refusal(made.proctor.sessions.CancelClosing(made.cancelling))
    assert error.metadata["from"] == "ended"
    await made.until_state(ENDED)
    assert await made.recorded() == ["session.closing", "session.ended"]


async def test_only_supervisors_can_cancel(harness: Harness) -> None:
    made = await room(harness)
    await end(made.proctor, made.session_id)
    error = await harness.refused(harness.proctor().sessions.CancelClosing, made.cancelling)
    assert (error.kind, error.reason) == (Kind.NOT_ALLOWED, "NOT_YOUR_SESSION")
    assert (
        await harness.refused(made.learner.sessions.CancelClosing, made.cancelling)
    ).reason == "NOT_ALLOWED"


async def test_session_that_has_not_started_cannot_close(harness: Harness) -> None:
    made = await room(harness, started=False)
    stub = made.proctor.sessions
    for error in (
        await harness.refused(stub.EndSession, made.ending),
        await harness.refused(stub.CancelClosing, made.cancelling),
    ):
        assert (error.reason, error.metadata["from"]) == ("INVALID_STATE_TRANSITION", "lobby_open")


async def test_new_joins_and_authorisations_are_refused_while_closing(harness: Harness) -> None:
    made = await room(harness)
    closing = await end(made.proctor, made.session_id)
    newcomer = harness.learner()
    joining = lobby_pb2.JoinSessionRequest(code=made.session_id)
    error = await harness.refused(newcomer.lobby.JoinSession, joining)
    assert (error.kind, error.reason) == (Kind.INVALID_STATE_TRANSITION, "SESSION_CLOSING")
    end_time = closing.closing.end_time.ToDatetime(UTC)
    assert error.metadata == {"closing_end_time": end_time.isoformat()}
    error = await harness.refused(made.proctor.supervision.AuthorizeAssessment, authorisation(made))
    assert error.reason == "SESSION_CLOSING"
    admission = supervision_pb2.AdmitParticipantsRequest(
        session_id=made.session_id, participant_ids=[made.participant_id]
    )
    error = await harness.refused(made.proctor.supervision.AdmitParticipants, admission)
    assert error.reason == "SESSION_CLOSING"


async def test_rejoining_chat_pauses_and_extra_time_continue_while_closing(
    harness: Harness,
) -> None:
    made = await room(harness)
    await end(made.proctor, made.session_id)
    rejoined = await join(made.learner, made.session_id)
    assert rejoined.participant.participant_id == made.participant_id
    message = messages_pb2.SendMessageRequest(
        session_id=made.session_id, participant_id=made.participant_id, text="Almost done."
    )
    await made.learner.messages.SendMessage(message)
    pause = supervision_pb2.PauseParticipantsRequest(
        session_id=made.session_id, pause_reason="The fire alarm rang."
    )
    await made.proctor.supervision.PauseParticipants(pause)
    resume = supervision_pb2.ResumeParticipantsRequest(session_id=made.session_id)
    await made.proctor.supervision.ResumeParticipants(resume)
    grant = supervision_pb2.GrantExtraTimeRequest(
        session_id=made.session_id, extra_time_reason="The fire alarm rang."
    )
    grant.amount.FromTimedelta(timedelta(minutes=5))
    await made.proctor.supervision.GrantExtraTime(grant)
    readmission = supervision_pb2.ReadmitParticipantsRequest(
        session_id=made.session_id, participant_ids=[made.participant_id]
    )
    await made.proctor.supervision.ReadmitParticipants(readmission)


async def test_two_replicas_end_a_session_once(harness: Harness) -> None:
    made = await room(harness, countdown=timedelta(milliseconds=1))
    await end(made.proctor, made.session_id)
    databases = [Database(harness.database_url) for _ in range(2)]
    try:
        await asyncio.gather(*(end_closed_sessions(each) for each in databases * 3))
    finally:
        for each in databases:
            await each.close()
    await made.until_state(ENDED)
    assert await made.recorded() == ["session.closing", "session.ended"]
    assert len(await made.events(events_pb2.SessionEnded)) == 1


@pytest.mark.parametrize(
    ("field", "seconds"),
    [
        ("closing_countdown", -1),
        ("closing_countdown", 601),
        ("auto_close_after", -1),
        ("auto_close_after", 86_401),
    ],
)
async def test_durations_out_of_range_are_refused(
    harness: Harness, field: str, seconds: int
) -> None:
    planned = plan([harness.proctor()])
    getattr(planned, field).FromTimedelta(timedelta(seconds=seconds))
    request = sessions_pb2.ScheduleSessionRequest(plan=planned)
    error = await harness.refused(harness.administrator().sessions.ScheduleSession, request)
    assert [each.field for each in error.violations] == [f"plan.{field}"]


async def test_plan_without_durations_has_the_defaults(harness: Harness) -> None:
    planned = plan([harness.proctor()])
    planned.ClearField("closing_countdown")
    session = await harness.scheduled(planned)
    assert session.plan.closing_countdown.ToTimedelta() == timedelta(seconds=60)
    assert session.plan.auto_close_after.ToTimedelta() == timedelta(minutes=30)


async def test_person_ends_a_session_before_the_deadline_of_an_attempt(harness: Harness) -> None:
    made = await room(harness, countdown=SHORT)
    await made.start_attempt(datetime.now(UTC) + timedelta(hours=2))
    await end(made.proctor, made.session_id)
    await made.until_state(ENDED)


@pytest.mark.parametrize(
    "change",
    [
        "closing_end_at = now()",
        "closed_by = session_id, closed_by_role = 'proctor'",
        "closing_countdown = interval '-1 second'",
        "closing_countdown = interval '11 minutes'",
        "auto_close_after = interval '25 hours'",
        "state = 'closing'",
        "ended_by = session_id",
    ],
)
async def test_database_refuses_an_inconsistent_closing(harness: Harness, change: str) -> None:
    made = await room(harness)
    with pytest.raises(DBAPIError, match="check constraint"):
        await harness.rows(
            f"UPDATE sessions SET {change} WHERE session_id = :id",
            id=UUID(made.session_id),
        )


async def test_database_refuses_an_end_after_the_stored_end(harness: Harness) -> None:
    made = await room(harness)
    await end(made.proctor, made.session_id)
    with pytest.raises(DBAPIError, match="after its stored end"):
        await harness.rows(
            "UPDATE sessions SET state = 'ended', end_time = closing_end_at + interval '1 second'"
            " WHERE session_id = :id",
            id=UUID(made.session_id),
        )
