"""Tests of starting and ending sessions."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from uuid import UUID

from google.protobuf.timestamp_pb2 import Timestamp
from sqlalchemy.exc import DBAPIError

from proctorium.enrollment.events.v1 import events_pb2 as enrollment_events
from proctorium.options.v1.options_pb2 import ROLE_PROCTOR
from proctorium.session.events.v1 import events_pb2
from proctorium.session.v1 import lobby_pb2, sessions_pb2, supervision_pb2
from proctorium_common.errors import Kind
from proctorium_common.ids import new_id
from proctorium_devstack.testing.refusals import refusal
from proctorium_devstack.testing.states import check_trigger
from proctorium_devstack.testing.waiting import until
from proctorium_session.domain.participant_states import PARTICIPANT_STATES, ParticipantState
from proctorium_session.domain.session_states import SESSION_STATES, SessionState

from .harness import Harness, Person, end, join, plan, roster, start

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
FAR = datetime(2126, 3, 1, 12, tzinfo=UTC)
"""The end of closing sessions, which the worker must not end."""


async def certify(
    harness: Harness,
    person: Person,
    until_time: datetime,
    published_at: datetime,
    position: int = 0,
) -> None:
    stamp = Timestamp()
    stamp.FromDatetime(until_time)
    event = enrollment_events.PersonCertified(person_id=person.id, certified_until_time=stamp)
    await harness.publish(event, position=position, time=published_at)


async def stored_certification(harness: Harness, person: Person) -> datetime:
    rows = await harness.rows(
        "SELECT certified_until FROM certifications WHERE person_id = :id", id=person.person_id
    )
    certified_until = rows[0][0]
    assert isinstance(certified_until, datetime)
    return certified_until


async def test_certification_ends_with_the_proctor_role(harness: Harness) -> None:
    proctor, now = harness.proctor(), datetime.now(UTC)
    session = await harness.scheduled(plan([proctor]))
    event = enrollment_events.PersonRoleRevoked(
        person_id=proctor.id, role=ROLE_PROCTOR, roles=[], access_version=1
    )
    later = now + timedelta(seconds=5)
    await harness.publish(event, time=later)

    async def is_known() -> bool:
        return await stored_certification(harness, proctor) == later

    await until(is_known)
    # The event of the earlier certification is redelivered.
    await certify(harness, proctor, now + timedelta(days=1), now, position=1)
    await until(harness.is_quiet)
    assert await is_known()
    request = sessions_pb2.OpenLobbyRequest(session_id=session.session_id)
    error = await refusal(proctor.sessions.OpenLobby(request))
    assert error.reason == "NOT_ALLOWED"


async def test_start_admits_all_waiting_participants(harness: Harness) -> None:
    proctor, learners = harness.proctor(), [harness.learner() for _ in range(5)]
    session = await harness.scheduled(plan([proctor]))
    await asyncio.gather(*(join(each, session.session_id) for each in learners))
    started = await start(proctor, session.session_id)
    assert started.HasField("actual_start_time")
    shown = await roster(proctor, session.session_id)
    assert {each.state for each in shown.participants} == {lobby_pb2.PARTICIPANT_STATE_IN_SESSION}
    assert await start(proctor, session.session_id) == started
    assert (await harness.recorded(session.session_id)).count("session.started") == 1


async def test_session_starts_while_enrollment_is_unavailable(harness: Harness) -> None:
    proctor = harness.proctor()
    session = await harness.scheduled(plan([proctor]))
    async with harness.without(harness.enrollment):
        started = await start(proctor, session.session_id)
    assert started.state == sessions_pb2.SESSION_STATE_IN_PROGRESS


async def test_proctor_without_certification_cannot_start(harness: Harness) -> None:
    proctor = harness.proctor()
    session = await harness.scheduled(plan([proctor]))
    now = datetime.now(UTC)
    await certify(harness, proctor, now - timedelta(days=1), now + timedelta(seconds=1))

    async def is_known() -> bool:
        return await stored_certification(harness, proctor) < now

    await until(is_known)
    request = sessions_pb2.StartSessionRequest(session_id=session.session_id)
    error = await harness.refused(proctor.sessions.StartSession, request)
    assert (error.kind, error.reason) == (Kind.INVALID_STATE_TRANSITION, "PROCTOR_NOT_CERTIFIED")
    assert error.metadata == {"person_id": proctor.id}


async def test_proctor_of_another_session_cannot_start(harness: Harness) -> None:
    session = await harness.scheduled(plan([harness.proctor()]))
    for session_id in (session.session_id, str(new_id())):
        request = sessions_pb2.StartSessionRequest(session_id=session_id)
        error = await harness.refused(harness.proctor().sessions.StartSession, request)
        assert (error.kind, error.reason) == (Kind.NOT_ALLOWED, "NOT_YOUR_SESSION")


async def test_learner_can_neither_start_nor_end(harness: Harness) -> None:
    session = await harness.scheduled(plan([harness.proctor()]))
    learner = harness.learner()
    assert (
        await harness.refused(
            learner.sessions.StartSession,
            sessions_pb2.StartSessionRequest(session_id=session.session_id),
        )
    ).reason == "NOT_ALLOWED"
    assert (
        await harness.refused(
            learner.sessions.EndSession,
            sessions_pb2.EndSessionRequest(session_id=session.session_id),
        )
    ).reason == "NOT_ALLOWED"


async def test_start_needs_an_open_lobby_and_end_needs_a_start(
    harness: Harness,
) -> None:
    proctor = harness.proctor()
    session = await harness.scheduled(plan([proctor], starts_in=timedelta(hours=5)))
    starting = sessions_pb2.StartSessionRequest(session_id=session.session_id)
    error = await harness.refused(proctor.sessions.StartSession, starting)
    assert (error.reason, error.metadata["from"]) == ("INVALID_STATE_TRANSITION", "scheduled")
    await proctor.sessions.OpenLobby(sessions_pb2.OpenLobbyRequest(session_id=session.session_id))
    ending = sessions_pb2.EndSessionRequest(session_id=session.session_id)
    error = await harness.refused(proctor.sessions.EndSession, ending)
    assert (error.reason, error.metadata["from"]) == ("INVALID_STATE_TRANSITION", "lobby_open")
    assert error.metadata["possible"] == "start,cancel"


async def test_end_sets_the_final_state_of_each_learner(harness: Harness) -> None:
    proctor = harness.proctor()
    present, removed, late_waiter, absent = (harness.learner() for _ in range(4))
    session = await harness.scheduled(plan([proctor], [present, absent]))
    await join(present, session.session_id)
    gone = (await join(removed, session.session_id)).participant.participant_id
    await proctor.supervision.RemoveParticipants(
        supervision_pb2.RemoveParticipantsRequest(
            session_id=session.session_id, participant_ids=[gone], removal_reason="Left the room."
        )
    )
    await start(proctor, session.session_id)
    waiting_id = await insert_waiting(harness, session.session_id, late_waiter)

    ended = await end(proctor, session.session_id)
    assert ended.ended_by == proctor.id
    assert await end(harness.administrator(), session.session_id) == ended

    event = await event_of(harness, session.session_id, "session.ended")
    ended_event = events_pb2.SessionEnded.FromString(event)
    attended = {
        each.person_id: (bool(each.participant_id), each.attended)
        for each in ended_event.attendances
    }
    assert attended == {
        present.id: (True, True),
        removed.id: (True, False),
        late_waiter.id: (True, False),
        absent.id: (False, False),
    }
    events = await harness.recorded(session.session_id)
    assert events[-3:] == ["participant.left", "participant.missed", "session.ended"]
    assert events.count("session.ended") == 1
    rows = await harness.rows(
        "SELECT state FROM participants WHERE participant_id = :id", id=UUID(waiting_id)
    )
    assert rows == [("no_show",)]


async def test_database_allows_exactly_the_transitions_of_participants(harness: Harness) -> None:
    session = await harness.scheduled(plan([harness.proctor()], capacity=100))

    async def allows(origin: ParticipantState, target: ParticipantState) -> bool:
        participant_id = await insert_participant(harness, session.session_id, origin)
        return await is_allowed(
            harness,
            "UPDATE participants SET state = :state, removal_reason = :reason,"
            " denial_reason = :denial WHERE participant_id = :id",
            state=target.value,
            reason="test" if target is ParticipantState.REMOVED else "",
            denial="test" if target is ParticipantState.DENIED else "",
            id=participant_id,
        )

    await check_trigger(PARTICIPANT_STATES, allows)


async def test_database_allows_exactly_the_transitions_of_sessions(harness: Harness) -> None:
    planned = plan([harness.proctor()], starts_in=timedelta(hours=5))
    planned_id = (await harness.scheduled(planned)).session_id

    async def allows(origin: SessionState, target: SessionState) -> bool:
        session_id = new_id()
        row = {"session_id": str(session_id), "participant_count": 0, **columns_of(origin)}
        await harness.rows(
            "INSERT INTO sessions SELECT (jsonb_populate_record(sessions, CAST(:row AS jsonb))).*"
            " FROM sessions WHERE session_id = :id",
            id=UUID(planned_id),
            row=json.dumps(row),
        )
        return await is_allowed(
            harness,
            "UPDATE sessions SET state = :state, actual_start_time = CAST(:start AS timestamptz),"
            " end_time = CAST(:end AS timestamptz), ended_by = CAST(:ended_by AS uuid),"
            " closing_end_at = CAST(:closing AS timestamptz) WHERE session_id = :id",
            state=target.value,
            start=times_of(target)[0],
            end=times_of(target)[1],
            ended_by=new_id() if target is SessionState.ENDED else None,
            closing=FAR if target is SessionState.CLOSING else None,
            id=session_id,
        )

    await check_trigger(SESSION_STATES, allows)


def times_of(state: SessionState) -> tuple[datetime | None, datetime | None]:
    """Return the start time and the end time of a session in this state, or None for a time that is not set."""
    started = state.is_running or state is SessionState.ENDED
    return NOON if started else None, NOON if state is SessionState.ENDED else None


def columns_of(state: SessionState) -> dict[str, str | None]:
    """Return the values of the columns that depend on the state of a session."""
    start_time, end_time = times_of(state)
    return {
        "state": state.value,
        "actual_start_time": start_time.isoformat() if start_time else None,
        "end_time": end_time.isoformat() if end_time else None,
        "ended_by": str(new_id()) if end_time else None,
        "closing_end_at": FAR.isoformat() if state is SessionState.CLOSING else None,
    }


async def is_allowed(harness: Harness, statement: str, **parameters: object) -> bool:
    """Execute an update. Return False if a trigger refuses it as an invalid transition, and otherwise True.

    The trigger allows some transitions only under a condition, which the rows of these tests do not meet.
    """
    try:
        await harness.rows(statement, **parameters)
    except DBAPIError as refused:
        if "only in a session that continues" in str(refused):
            return True
        assert "cannot change" in str(refused)  # noqa: PT017 - any other error is a mistake here
        return False
    return True


async def insert_participant(harness: Harness, session_id: str, state: ParticipantState) -> UUID:
    """Insert a participant in this state, and return the participant's id."""
    participant_id = new_id()
    await harness.rows(
        "INSERT INTO participants (participant_id, session_id, person_id, state, identity, "
        "join_time, removal_reason, denial_reason, revision) "
        "VALUES (:id, :session, :id, :state, 'not_required', now(), :reason, :denial, 9)",
        id=participant_id,
        session=UUID(session_id),
        state=state.value,
        reason="test" if state is ParticipantState.REMOVED else "",
        denial="test" if state is ParticipantState.DENIED else "",
    )
    return participant_id


async def insert_waiting(harness: Harness, session_id: str, learner: Person) -> str:
    """Insert a participant who is waiting although the session is in progress. Return the participant's id."""
    participant_id = new_id()
    await harness.rows(
        "INSERT INTO participants (participant_id, session_id, person_id, state, identity, "
        "join_time, revision) VALUES (:new, :id, :person, 'waiting', 'not_required', now(), 9)",
        new=participant_id,
        id=UUID(session_id),
        person=learner.person_id,
    )
    return str(participant_id)


async def event_of(harness: Harness, session_id: str, event: str) -> bytes:
    rows = await harness.rows(
        "SELECT body FROM session_record WHERE session_id = :id AND event = :event",
        id=UUID(session_id),
        event=event,
    )
    body = rows[0][0]
    assert isinstance(body, bytes)
    return body
