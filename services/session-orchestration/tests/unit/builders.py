"""Builders of valid sessions and participants."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from proctorium_session.domain.identity import IdentityPolicy, IdentityState
from proctorium_session.domain.participant_states import ParticipantState
from proctorium_session.domain.participants import Participant, ParticipantView
from proctorium_session.domain.session_states import SessionState
from proctorium_session.domain.sessions import Closing, LateEntry, Plan, Session, new_session

NOON = datetime(2027, 3, 1, 12, tzinfo=UTC)
ASSESSMENT = UUID(int=77)


def make_plan(
    *,
    start_time: datetime = NOON,
    duration: timedelta = timedelta(hours=1),
    proctor_ids: tuple[UUID, ...] = (UUID(int=1),),
    capacity: int = 10,
    late_entry: LateEntry = LateEntry.CLOSED,
    late_entry_limit: timedelta = timedelta(0),
    identity_policy: IdentityPolicy = IdentityPolicy.NONE,
) -> Plan:
    return Plan(
        course_id=UUID(int=2),
        assessment_ids=(ASSESSMENT,),
        title="Fire safety",
        start_time=start_time,
        duration=duration,
        proctor_ids=proctor_ids,
        capacity=capacity,
        lobby_lead=timedelta(minutes=30),
        late_entry=late_entry,
        late_entry_limit=late_entry_limit,
        identity_policy=identity_policy,
    )


def make_session(
    state: SessionState = SessionState.LOBBY_OPEN, plan: Plan | None = None
) -> Session:
    session = replace(new_session(UUID(int=3), plan or make_plan()), state=state)
    if state.is_running or state is SessionState.ENDED:
        session = replace(session, actual_start_time=NOON)
    if state is SessionState.CLOSING:
        session = replace(session, closing=Closing(NOON + timedelta(minutes=1), None))
    return session


def make_view(
    number: int = 1,
    state: ParticipantState = ParticipantState.IN_SESSION,
    identity: IdentityState = IdentityState.NOT_REQUIRED,
) -> ParticipantView:
    participant = Participant(
        participant_id=UUID(int=100 + number),
        session_id=UUID(int=3),
        person_id=UUID(int=200 + number),
        state=state,
        connected=False,
        identity=identity,
        identity_position=0,
        join_time=NOON,
        entered_time=None,
        ready_time=None,
        revision=1,
    )
    return ParticipantView(participant, {})
