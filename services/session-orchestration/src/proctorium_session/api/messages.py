"""Domain values as the messages of the API, and plans the other way."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from google.protobuf.timestamp_pb2 import Timestamp

from proctorium.session.v1 import lobby_pb2, sessions_pb2, supervision_pb2
from proctorium_common.ids import parse_id, parse_ids
from proctorium_common.rpc.access import ROLE_NUMBERS
from proctorium_common.rpc.validation import time_of
from proctorium_session.domain.identity import IdentityPolicy, IdentityState
from proctorium_session.domain.participant_states import ParticipantState
from proctorium_session.domain.participants import Standing
from proctorium_session.domain.progress import Progress, ProgressState
from proctorium_session.domain.record import Entry
from proctorium_session.domain.schedule import LATE_ENTRY_LIMIT, LOBBY_LEAD
from proctorium_session.domain.session_states import SessionState
from proctorium_session.domain.sessions import LateEntry, Plan, Session
from proctorium_session.storage.record_accesses import Access

_SESSION_STATES = {
    SessionState.SCHEDULED: sessions_pb2.SESSION_STATE_SCHEDULED,
    SessionState.LOBBY_OPEN: sessions_pb2.SESSION_STATE_LOBBY_OPEN,
    SessionState.IN_PROGRESS: sessions_pb2.SESSION_STATE_IN_PROGRESS,
    SessionState.ENDED: sessions_pb2.SESSION_STATE_ENDED,
    SessionState.CANCELLED: sessions_pb2.SESSION_STATE_CANCELLED,
}
_LATE_ENTRIES = {
    LateEntry.CLOSED: sessions_pb2.LATE_ENTRY_CLOSED,
    LateEntry.UNTIL: sessions_pb2.LATE_ENTRY_UNTIL,
}
_POLICIES = {
    IdentityPolicy.NONE: sessions_pb2.IDENTITY_POLICY_NONE,
    IdentityPolicy.BEFORE_ASSESSMENT: sessions_pb2.IDENTITY_POLICY_BEFORE_ASSESSMENT,
}
PARTICIPANT_STATES = {
    ParticipantState.WAITING: lobby_pb2.PARTICIPANT_STATE_WAITING,
    ParticipantState.IN_SESSION: lobby_pb2.PARTICIPANT_STATE_IN_SESSION,
    ParticipantState.COMPLETED: lobby_pb2.PARTICIPANT_STATE_COMPLETED,
    ParticipantState.REMOVED: lobby_pb2.PARTICIPANT_STATE_REMOVED,
    ParticipantState.NO_SHOW: lobby_pb2.PARTICIPANT_STATE_NO_SHOW,
    ParticipantState.LEFT: lobby_pb2.PARTICIPANT_STATE_LEFT,
}
IDENTITY_STATES = {
    IdentityState.NOT_REQUIRED: lobby_pb2.IDENTITY_STATE_NOT_REQUIRED,
    IdentityState.REQUESTED: lobby_pb2.IDENTITY_STATE_REQUESTED,
    IdentityState.SUBMITTED: lobby_pb2.IDENTITY_STATE_SUBMITTED,
    IdentityState.VERIFIED: lobby_pb2.IDENTITY_STATE_VERIFIED,
    IdentityState.REJECTED: lobby_pb2.IDENTITY_STATE_REJECTED,
    IdentityState.RESUBMISSION_REQUESTED: lobby_pb2.IDENTITY_STATE_RESUBMISSION_REQUESTED,
}
_PROGRESS_STATES = {
    ProgressState.AWAITING_AUTHORIZATION: lobby_pb2.ASSESSMENT_PROGRESS_STATE_AWAITING_AUTHORIZATION,
    ProgressState.AUTHORIZED: lobby_pb2.ASSESSMENT_PROGRESS_STATE_AUTHORIZED,
    ProgressState.IN_PROGRESS: lobby_pb2.ASSESSMENT_PROGRESS_STATE_IN_PROGRESS,
    ProgressState.SUBMITTED: lobby_pb2.ASSESSMENT_PROGRESS_STATE_SUBMITTED,
    ProgressState.RELEASED: lobby_pb2.ASSESSMENT_PROGRESS_STATE_RELEASED,
    ProgressState.VOIDED: lobby_pb2.ASSESSMENT_PROGRESS_STATE_VOIDED,
}


def plan_of(message: sessions_pb2.SessionPlan) -> Plan:
    """The plan that a request describes; what it leaves open is closed as the proto says. Raises INVALID_ID, INVALID_REQUEST."""
    late_entry = LateEntry.UNTIL
    if message.late_entry == sessions_pb2.LATE_ENTRY_CLOSED:
        late_entry = LateEntry.CLOSED
    policy = IdentityPolicy.NONE
    if message.identity_policy == sessions_pb2.IDENTITY_POLICY_BEFORE_ASSESSMENT:
        policy = IdentityPolicy.BEFORE_ASSESSMENT
    limit = LATE_ENTRY_LIMIT
    if message.HasField("late_entry_limit"):
        limit = message.late_entry_limit.ToTimedelta()
    return Plan(
        course_id=parse_id(message.course_id, "course_id"),
        assessment_ids=parse_ids(message.assessment_ids, "plan.assessment_ids"),
        title=message.title,
        start_time=time_of(message.start_time, "plan.start_time"),
        duration=message.duration.ToTimedelta(),
        proctor_ids=parse_ids(message.proctor_ids, "plan.proctor_ids"),
        capacity=message.capacity,
        lobby_lead=message.lobby_lead.ToTimedelta()
        if message.HasField("lobby_lead")
        else LOBBY_LEAD,
        late_entry=late_entry,
        late_entry_limit=limit if late_entry is LateEntry.UNTIL else timedelta(0),
        identity_policy=policy,
    )


def session_message(session: Session, learner_ids: tuple[UUID, ...] = ()) -> sessions_pb2.Session:
    """A session; `learner_ids` only for those who may see them."""
    message = sessions_pb2.Session(
        session_id=str(session.session_id),
        plan=_plan_message(session.plan, learner_ids),
        state=_SESSION_STATES[session.state],
        lobby_open_time=timestamp(session.lobby_open_time),
        participant_count=session.participant_count,
        ended_by=str(session.ended_by or ""),
    )
    if session.actual_start_time is not None:
        message.actual_start_time.FromDatetime(session.actual_start_time)
    if session.end_time is not None:
        message.end_time.FromDatetime(session.end_time)
    return message


def participant_message(session: Session, standing: Standing) -> lobby_pb2.Participant:
    """A participant with every assessment of the session."""
    participant = standing.participant
    return lobby_pb2.Participant(
        participant_id=str(participant.participant_id),
        session_id=str(participant.session_id),
        person_id=str(participant.person_id),
        state=PARTICIPANT_STATES[participant.state],
        connected=participant.connected,
        identity=IDENTITY_STATES[participant.identity],
        assessments=[
            progress_message(standing.progress(each)) for each in session.plan.assessment_ids
        ],
        join_time=timestamp(participant.join_time),
        removal_reason=participant.removal_reason,
    )


def entry_message(entry: Entry) -> supervision_pb2.RecordEntry:
    """An entry of the record."""
    happening = entry.happening
    return supervision_pb2.RecordEntry(
        number=entry.number,
        event=happening.event,
        time=timestamp(happening.time),
        actor=happening.actor,
        participant_id=str(happening.participant_id or ""),
        body=happening.body,
        hash=entry.hash,
    )


def access_message(access: Access) -> supervision_pb2.RecordAccess:
    """An access to the record."""
    return supervision_pb2.RecordAccess(
        person_id=str(access.read_by),
        acting_role=ROLE_NUMBERS[access.read_as],
        access_time=timestamp(access.minute),
    )


def _plan_message(plan: Plan, learner_ids: tuple[UUID, ...]) -> sessions_pb2.SessionPlan:
    message = sessions_pb2.SessionPlan(
        course_id=str(plan.course_id),
        assessment_ids=[str(each) for each in plan.assessment_ids],
        title=plan.title,
        start_time=timestamp(plan.start_time),
        proctor_ids=[str(each) for each in plan.proctor_ids],
        learner_ids=[str(each) for each in learner_ids],
        capacity=plan.capacity,
        late_entry=_LATE_ENTRIES[plan.late_entry],
        identity_policy=_POLICIES[plan.identity_policy],
    )
    message.duration.FromTimedelta(plan.duration)
    message.lobby_lead.FromTimedelta(plan.lobby_lead)
    if plan.late_entry is LateEntry.UNTIL:
        message.late_entry_limit.FromTimedelta(plan.late_entry_limit)
    return message


def progress_message(progress: Progress) -> lobby_pb2.AssessmentProgress:
    """How far a participant is with one assessment."""
    return lobby_pb2.AssessmentProgress(
        assessment_id=str(progress.assessment_id),
        attempt_id=str(progress.attempt_id or ""),
        state=_PROGRESS_STATES[progress.state],
        answered_count=progress.answered_count,
        item_count=progress.item_count,
    )


def timestamp(time: datetime) -> Timestamp:
    """A time."""
    stamp = Timestamp()
    stamp.FromDatetime(time)
    return stamp
