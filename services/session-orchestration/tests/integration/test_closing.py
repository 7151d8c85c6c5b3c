"""Closing of sessions: the countdown, its cancellation, and the automatic closing after the planned end."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar, cast
from uuid import UUID

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from sqlalchemy.exc import DBAPIError

from proctorium.assessment.events.v1 import events_pb2 as assessment
from proctorium.options.v1.options_pb2 import ROLE_ADMINISTRATOR, ROLE_PROCTOR, ROLE_UNSPECIFIED
from proctorium.session.events.v1 import events_pb2
from proctorium.session.v1 import lobby_pb2, messages_pb2, sessions_pb2, supervision_pb2
from proctorium_common.errors import Kind
from proctorium_common.ids import new_id
from proctorium_common.storage.database import Database
from proctorium_devstack.testing.refusals import refusal
from proctorium_devstack.testing.waiting import next_response, until
from proctorium_session.operations.closing import close_overdue_sessions, end_closed_sessions
from proctorium_session.workers.closing import ClosingWorker

from .harness import Harness, Person, end, join, plan, roster, start
from .test_live import connected, watch

M = TypeVar("M", bound=Any)

LONG = timedelta(minutes=10)
SHORT = timedelta(milliseconds=300)
NO_TIME = timedelta()
CLOSING = sessions_pb2.SESSION_STATE_CLOSING
IN_PROGRESS = sessions_pb2.SESSION_STATE_IN_PROGRESS
ENDED = sessions_pb2.SESSION_STATE_ENDED


class Room:
    """A session in progress with a proctor and a learner, and the events about the learner's attempt."""

    def __init__(self, harness: Harness, proctor: Person, learner: Person, session_id: str) -> None:
        self.harness, self.proctor, self.learner = harness, proctor, learner
        self.session_id = session_id
        self.attempt_id = str(new_id())
        self.participant_id = ""
        self.assessment_id = ""

    @property
    def ending(self) -> sessions_pb2.EndSessionRequest:
        return sessions_pb2.EndSessionRequest(session_id=self.session_id)

    @property
    def cancelling(self) -> sessions_pb2.CancelClosingRequest:
        return sessions_pb2.CancelClosingRequest(session_id=self.session_id)

    async def cancel(self, person: Person | None = None) -> sessions_pb2.Session:
        caller = person or self.proctor
        return (await caller.sessions.CancelClosing(self.cancelling)).session

    async def shown(self) -> sessions_pb2.Session:
        request = sessions_pb2.GetSessionRequest(session_id=self.session_id)
        return (await self.proctor.sessions.GetSession(request)).session

    async def until_state(self, state: sessions_pb2.SessionState.ValueType) -> sessions_pb2.Session:
        async def reached() -> bool:
            return (await self.shown()).state == state

        await until(reached)
        return await self.shown()

    async def events(self, kind: type[M]) -> list[M]:
        """Return the published events of a type that belong to the session."""
        published = await self.harness.events(kind)
        return [each for each in published if each.session_id == self.session_id]

    async def recorded(self) -> list[str]:
        """Return the names of the recorded events about the end of the session, in order."""
        names = {"session.closing", "session.closing-cancelled", "session.ended", "session.overdue"}
        return [each for each in await self.harness.recorded(self.session_id) if each in names]

    def attempt(self, kind: type[M], **fields: object) -> M:
        return cast(
            M,
            kind(
                attempt_id=self.attempt_id,
                session_id=self.session_id,
                participant_id=self.participant_id,
                assessment_id=self.assessment_id,
                **fields,
            ),
        )

    async def start_attempt(self, deadline: datetime | None = None) -> None:
        """Deliver the event which reports that the learner started the attempt."""
        started = self.attempt(assessment.AttemptStarted, deadline_time=stamp(deadline))
        await self.harness.deliver(started)

    async def change_time(self, deadline: datetime | None, *, stopped: bool = False) -> None:
        changed = self.attempt(
            assessment.AttemptTimeChanged, deadline_time=stamp(deadline), stopped=stopped
        )
        await self.harness.deliver(changed)

    async def pass_planned_end(self, by: timedelta = NO_TIME) -> None:
        """Move the session into the past, so that its planned end was `by` ago."""
        await self.harness.rows(
            "UPDATE sessions SET start_time = now() - duration - CAST(:by AS interval)"
            " WHERE session_id = :id",
            by=by,
            id=UUID(self.session_id),
        )


def stamp(time: datetime | None) -> Timestamp | None:
    if time is None:
        return None
    message = Timestamp()
    message.FromDatetime(time)
    return message


async def room(
    harness: Harness,
    *,
    countdown: timedelta = LONG,
    auto_close_after: timedelta = timedelta(hours=1),
    started: bool = True,
) -> Room:
    """Return a room. If `started` is true, its session is in progress."""
    proctor, learner = harness.proctor(), harness.learner()
    session = await harness.scheduled(
        plan(
            [proctor],
            closing_countdown=countdown,
            auto_close_after=auto_close_after,
            late_entry=sessions_pb2.LATE_ENTRY_UNTIL,
        )
    )
    made = Room(harness, proctor, learner, session.session_id)
    joined = await join(learner, session.session_id)
    made.participant_id = joined.participant.participant_id
    made.assessment_id = session.plan.assessment_ids[0]
    if started:
        await start(proctor, session.session_id)
    return made


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


async def test_session_closes_automatically_after_its_planned_end(harness: Harness) -> None:
    made = await room(harness, countdown=SHORT, auto_close_after=timedelta(minutes=5))
    await made.pass_planned_end(timedelta(minutes=5))
    ended = await made.until_state(ENDED)
    assert ended.ended_by == ""
    (closing,) = await made.events(events_pb2.SessionClosing)
    (event,) = await made.events(events_pb2.SessionEnded)
    assert (closing.closed_by, closing.acting_role) == ("", ROLE_UNSPECIFIED)
    assert (event.ended_by, event.acting_role) == ("", ROLE_UNSPECIFIED)
    assert event.end_time == closing.end_time
    assert await made.recorded() == ["session.closing", "session.ended"]


async def test_session_does_not_close_before_the_configured_time(harness: Harness) -> None:
    made = await room(harness, auto_close_after=timedelta(minutes=5))
    await made.pass_planned_end(timedelta(minutes=4))
    await run_worker(harness)
    assert (await made.shown()).state == IN_PROGRESS


async def test_session_does_not_close_before_the_deadline_of_an_attempt(harness: Harness) -> None:
    made = await room(harness, countdown=NO_TIME, auto_close_after=NO_TIME)
    await made.start_attempt(datetime.now(UTC) + timedelta(hours=2))
    await made.pass_planned_end()
    await run_worker(harness)
    shown = await made.shown()
    assert shown.state == IN_PROGRESS
    assert not shown.HasField("overdue_time")
    await made.harness.deliver(made.attempt(assessment.AttemptSubmitted))
    await made.until_state(ENDED)


async def test_attempt_without_time_limit_does_not_prevent_the_closing(harness: Harness) -> None:
    made = await room(harness, countdown=NO_TIME, auto_close_after=NO_TIME)
    await made.start_attempt()
    await made.pass_planned_end()
    await made.until_state(ENDED)


async def test_extra_time_during_the_countdown_stops_the_automatic_closing(
    harness: Harness,
) -> None:
    made = await room(harness, countdown=timedelta(seconds=1), auto_close_after=NO_TIME)
    await made.start_attempt(datetime.now(UTC))
    await made.pass_planned_end()
    await made.until_state(CLOSING)
    await made.change_time(datetime.now(UTC) + timedelta(hours=2))
    await made.until_state(IN_PROGRESS)
    assert await made.recorded() == ["session.closing", "session.closing-cancelled"]
    (event,) = await made.events(events_pb2.SessionClosingCancelled)
    assert (event.cancelled_by, event.acting_role) == ("", ROLE_UNSPECIFIED)


async def test_person_ends_a_session_before_the_deadline_of_an_attempt(harness: Harness) -> None:
    made = await room(harness, countdown=SHORT)
    await made.start_attempt(datetime.now(UTC) + timedelta(hours=2))
    await end(made.proctor, made.session_id)
    await made.until_state(ENDED)


async def test_paused_attempt_prevents_the_closing_and_alarms_the_proctors(
    harness: Harness,
) -> None:
    made = await room(harness, countdown=NO_TIME, auto_close_after=NO_TIME)
    await made.start_attempt(datetime.now(UTC))
    await made.change_time(None, stopped=True)
    await made.pass_planned_end()

    async def is_overdue() -> bool:
        return (await made.shown()).HasField("overdue_time")

    await until(is_overdue)
    await run_worker(harness)
    assert await made.recorded() == ["session.overdue"]
    assert (await roster(made.proctor, made.session_id)).session.HasField("overdue_time")
    call = watch(made.learner, made.session_id)
    assert not (await connected(call)).session.HasField("overdue_time")

    await made.change_time(datetime.now(UTC) - timedelta(seconds=1))
    await made.until_state(ENDED)
    assert await made.recorded() == ["session.overdue", "session.ended"]


async def test_alarm_ends_when_the_clock_of_the_attempt_runs_again(harness: Harness) -> None:
    made = await room(harness, auto_close_after=NO_TIME)
    await made.start_attempt(datetime.now(UTC))
    await made.change_time(None, stopped=True)
    await made.pass_planned_end()

    async def is_overdue() -> bool:
        return (await made.shown()).HasField("overdue_time")

    async def is_not_overdue() -> bool:
        return not await is_overdue()

    await until(is_overdue)
    await made.change_time(datetime.now(UTC) + timedelta(hours=1))
    await until(is_not_overdue)
    assert (await made.shown()).state == IN_PROGRESS


async def test_expected_end_follows_the_latest_deadline(harness: Harness) -> None:
    made = await room(harness)
    planned = (await made.shown()).plan.start_time.ToDatetime(UTC) + timedelta(hours=1)
    assert (await made.shown()).expected_end_time.ToDatetime(UTC) == planned
    late = datetime.now(UTC).replace(second=10, microsecond=0) + timedelta(hours=3)
    await made.start_attempt(late)
    shown = await roster(made.proctor, made.session_id)
    assert shown.participants[0].assessments[0].deadline_time.ToDatetime(UTC) == late
    rounded = late.replace(second=0) + timedelta(minutes=1)
    assert shown.session.expected_end_time.ToDatetime(UTC) == rounded
    await made.harness.deliver(made.attempt(assessment.AttemptSubmitted))
    assert (await made.shown()).expected_end_time.ToDatetime(UTC) == planned


async def test_delayed_event_does_not_replace_a_newer_time(harness: Harness) -> None:
    made = await room(harness)
    late = datetime.now(UTC) + timedelta(hours=3)
    newer = made.attempt(assessment.AttemptTimeChanged, stopped=True)
    newer.stopped_remaining.FromTimedelta(timedelta(minutes=7))
    older = made.attempt(assessment.AttemptStarted, deadline_time=stamp(late))
    for event, position in ((newer, 9), (older, 8), (newer, 9)):
        await harness.handle(event, position=position)
    (participant,) = (await roster(made.proctor, made.session_id)).participants
    progress = participant.assessments[0]
    assert progress.stopped_remaining.ToTimedelta() == timedelta(minutes=7)
    assert not progress.HasField("deadline_time")


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


async def run_worker(harness: Harness) -> None:
    """Run the worker of another replica, which does everything that is due."""
    database = Database(harness.database_url)
    try:
        await end_closed_sessions(database)
        await close_overdue_sessions(database)
    finally:
        await database.close()


def authorisation(made: Room, *only: str) -> supervision_pb2.AuthorizeAssessmentRequest:
    return supervision_pb2.AuthorizeAssessmentRequest(
        session_id=made.session_id, assessment_id=made.assessment_id, participant_ids=only
    )


async def authorise(made: Room) -> Sequence[supervision_pb2.ParticipantOutcome]:
    response = await made.proctor.supervision.AuthorizeAssessment(authorisation(made))
    return list(response.outcomes)


async def test_session_that_cannot_end_does_not_stop_the_others(harness: Harness) -> None:
    broken, intact = await room(harness), await room(harness)
    automatic = await room(harness, countdown=NO_TIME, auto_close_after=NO_TIME)
    for made in (broken, intact):
        await end(made.proctor, made.session_id)
    # The next entry of this session's record has the number of an existing entry, so the session cannot change.
    await move_record(broken, -1)
    try:
        await automatic.pass_planned_end()
        for made, ago in ((broken, 2 * SHORT), (intact, SHORT)):
            await harness.rows(
                "UPDATE sessions SET closing_end_at = now() - CAST(:ago AS interval)"
                " WHERE session_id = :id",
                ago=ago,
                id=UUID(made.session_id),
            )
        database = Database(harness.database_url)
        try:
            with pytest.raises(ExceptionGroup, match="automatic changes failed"):
                await ClosingWorker(database).run()
        finally:
            await database.close()
        states = [await stored_state(each) for each in (broken, intact, automatic)]
        assert states == ["closing", "ended", "ended"]
    finally:
        await move_record(broken, 1)
    await broken.until_state(ENDED)


async def stored_state(made: Room) -> str:
    rows = await made.harness.rows(
        "SELECT state FROM sessions WHERE session_id = :id", id=UUID(made.session_id)
    )
    return str(rows[0][0])


async def move_record(made: Room, by: int) -> None:
    """Change the number of the last record entry in the row of the session."""
    await made.harness.rows(
        "UPDATE sessions SET record_number = record_number + CAST(:by AS bigint) WHERE session_id = :id",
        by=by,
        id=UUID(made.session_id),
    )


async def test_person_who_cancels_an_automatic_closing_gains_time(harness: Harness) -> None:
    made = await room(harness, auto_close_after=NO_TIME)
    await made.pass_planned_end()
    await made.until_state(CLOSING)
    assert (await made.cancel()).state == IN_PROGRESS
    await run_worker(harness)
    assert (await made.shown()).state == IN_PROGRESS
    for minutes, state in ((9, IN_PROGRESS), (10, CLOSING)):
        await harness.rows(
            "UPDATE sessions SET closing_cancelled_at = now() - make_interval(mins => :minutes)"
            " WHERE session_id = :id",
            minutes=minutes,
            id=UUID(made.session_id),
        )
        await run_worker(harness)
        assert (await made.shown()).state == state
