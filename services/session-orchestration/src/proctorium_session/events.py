"""The events that session orchestration publishes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypedDict
from uuid import UUID

from google.protobuf.timestamp_pb2 import Timestamp

from proctorium.options.v1 import options_pb2
from proctorium.session.events.v1 import events_pb2 as pb
from proctorium.session.v1 import hands_pb2, incidents_pb2, sessions_pb2
from proctorium_common.messages import EnumConversion, id_text, to_timestamp
from proctorium_common.rpc.access import ROLE_NUMBERS
from proctorium_session.domain.breaks import Break
from proctorium_session.domain.conversations import Message
from proctorium_session.domain.extra_time import ExtraTimeGrant
from proctorium_session.domain.hands import Hand, HandKind
from proctorium_session.domain.identity import IdentityPolicy
from proctorium_session.domain.incidents import Incident, IncidentSeverity
from proctorium_session.domain.outages import Outage, ReturnRequest
from proctorium_session.domain.participant_states import ParticipantState
from proctorium_session.domain.participants import Ending, Participant, Removal
from proctorium_session.domain.sessions import ActingRole, Actor, MemberRole, Pause, Session

IDENTITY_POLICIES = EnumConversion(IdentityPolicy, sessions_pb2.IdentityPolicy, "IDENTITY_POLICY_")
HAND_KINDS = EnumConversion(HandKind, hands_pb2.HandKind, "HAND_KIND_")
INCIDENT_SEVERITIES = EnumConversion(
    IncidentSeverity, incidents_pb2.IncidentSeverity, "INCIDENT_SEVERITY_"
)


TIME_EVENTS = frozenset(
    f"{option.aggregate}.{option.action}"
    for message in pb.DESCRIPTOR.message_types_by_name.values()
    if (option := message.GetOptions().Extensions[options_pb2.event]).moves_time
)
"""The names of the events that can move the time of attempts, as the session record contains them."""


class _Ids(TypedDict):
    participant_id: str
    session_id: str
    person_id: str


class _IncidentFields(TypedDict):
    incident_id: str
    session_id: str
    participant_id: str
    category_id: str
    severity: incidents_pb2.IncidentSeverity.ValueType
    occurrence_time: Timestamp | None
    note_hash: bytes
    written_by: str
    acting_role: options_pb2.Role.ValueType


def _ids(participant: Participant) -> _Ids:
    return {
        "participant_id": str(participant.participant_id),
        "session_id": str(participant.session_id),
        "person_id": str(participant.person_id),
    }


def session_scheduled(session: Session, learner_ids: Iterable[UUID]) -> pb.SessionScheduled:
    """Return the event which reports that a session was planned."""
    plan = session.plan
    event = pb.SessionScheduled(
        session_id=str(session.session_id),
        course_id=str(plan.course_id),
        assessment_ids=_texts(plan.assessment_ids),
        title=plan.title,
        start_time=to_timestamp(plan.start_time),
        lobby_open_time=to_timestamp(session.lobby_open_time),
        proctor_ids=_texts(plan.proctor_ids),
        learner_ids=_texts(learner_ids),
        identity_policy=IDENTITY_POLICIES.to_proto(plan.identity_policy),
    )
    event.duration.FromTimedelta(plan.duration)
    return event


def session_cancelled(
    session: Session, person_ids: Iterable[UUID], role: ActingRole
) -> pb.SessionCancelled:
    """Return the event which reports that a session was cancelled by a person who acts in `role`."""
    return pb.SessionCancelled(
        session_id=str(session.session_id),
        person_ids=_texts(person_ids),
        acting_role=ROLE_NUMBERS[role],
    )


def session_lobby_opened(session: Session, role: ActingRole | None) -> pb.SessionLobbyOpened:
    """Return the event which reports that the lobby was opened.

    A person who acts in `role` opened the lobby. If `role` is None, it was opened automatically.
    """
    return pb.SessionLobbyOpened(
        session_id=str(session.session_id),
        acting_role=options_pb2.ROLE_UNSPECIFIED if role is None else ROLE_NUMBERS[role],
    )


def session_started(session: Session, actor: Actor) -> pb.SessionStarted:
    """Return the event which reports that a session was started by `actor`."""
    return pb.SessionStarted(
        session_id=str(session.session_id),
        course_id=str(session.plan.course_id),
        start_time=to_timestamp(session.actual_start_time),
        started_by=str(actor.person_id),
        acting_role=ROLE_NUMBERS[actor.role],
    )


def session_closing(session: Session, closing_at: datetime) -> pb.SessionClosing:
    """Return the event which reports that a session started to close at the time `closing_at`."""
    closing = session.closing
    assert closing is not None
    return pb.SessionClosing(
        session_id=str(session.session_id),
        closing_time=to_timestamp(closing_at),
        end_time=to_timestamp(closing.end_at),
        closed_by=_person_id(closing.actor),
        acting_role=_role_number(closing.actor),
    )


def session_closing_cancelled(
    session: Session, cancelled_at: datetime, actor: Actor | None
) -> pb.SessionClosingCancelled:
    """Return the event which reports that the closing of a session was cancelled by `actor`, or automatically."""
    return pb.SessionClosingCancelled(
        session_id=str(session.session_id),
        cancel_time=to_timestamp(cancelled_at),
        cancelled_by=_person_id(actor),
        acting_role=_role_number(actor),
    )


def session_overdue(session: Session) -> pb.SessionOverdue:
    """Return the event which reports that a session cannot close automatically, because an attempt is paused."""
    return pb.SessionOverdue(
        session_id=str(session.session_id),
        overdue_time=to_timestamp(session.overdue_at),
        planned_end_time=to_timestamp(session.plan.planned_end),
    )


def session_ended(
    session: Session,
    participants: Sequence[Participant],
    absent_ids: Iterable[UUID],
    actor: Actor | None,
    time_event_counts: Mapping[UUID | None, int],
) -> pb.SessionEnded:
    """Return the event which reports that a session ended, with the attendance of all learners.

    `actor` is None if the session closed automatically. `time_event_counts` has the numbers of time events by
    participant id. The key None has the number of events that concern the whole session. A learner who was In Session
    attended the session, even if the learner was removed later.
    """
    event = pb.SessionEnded(
        session_id=str(session.session_id),
        course_id=str(session.plan.course_id),
        end_time=to_timestamp(session.end_time),
        ended_by=id_text(session.ended_by),
        acting_role=_role_number(actor),
        time_event_count=time_event_counts.get(None, 0),
        reopen_end_time=to_timestamp(session.reopen_until),
    )
    for participant in participants:
        event.attendances.add(
            participant_id=str(participant.participant_id),
            person_id=str(participant.person_id),
            attended=participant.entered_time is not None,
            removed=participant.removal is not None,
            time_event_count=time_event_counts.get(participant.participant_id, 0),
        )
    for person_id in absent_ids:
        event.attendances.add(person_id=str(person_id), attended=False)
    return event


def session_reopened(
    ended: Session, reopening_id: UUID, reopened_at: datetime, people: Iterable[UUID], actor: Actor
) -> pb.SessionReopened:
    """Return the event which reports that the session `ended` is in progress again, with the learners `people`."""
    return pb.SessionReopened(
        session_id=str(ended.session_id),
        reopened_by=str(actor.person_id),
        acting_role=_role_number(actor),
        reopening_id=str(reopening_id),
        end_time=to_timestamp(ended.end_time),
        reopen_time=to_timestamp(reopened_at),
        person_ids=_texts(people),
    )


def session_finalized(session: Session) -> pb.SessionFinalized:
    """Return the event which reports that the proctors of a session can no longer reopen it."""
    return pb.SessionFinalized(session_id=str(session.session_id))


def session_uncovered(session: Session) -> pb.SessionUncovered:
    """Return the event which reports that a session is uncovered."""
    return pb.SessionUncovered(
        session_id=str(session.session_id),
        uncovered_time=to_timestamp(session.coverage.uncovered_at),
        absent_time=to_timestamp(session.coverage.absent_at),
        proctor_ids=_texts(session.plan.proctor_ids),
    )


def session_covered(session: Session, actor: Actor, covered_at: datetime) -> pb.SessionCovered:
    """Return the event which reports that a session is covered again, because `actor` is present."""
    return pb.SessionCovered(
        session_id=str(session.session_id),
        covered_time=to_timestamp(covered_at),
        covered_by=str(actor.person_id),
        acting_role=ROLE_NUMBERS[actor.role],
    )


def session_taken(session: Session, actor: Actor, former_lead_id: UUID) -> pb.SessionTaken:
    """Return the event which reports that `actor` took a session and is now the lead proctor."""
    return pb.SessionTaken(
        session_id=str(session.session_id),
        taken_by=str(actor.person_id),
        acting_role=ROLE_NUMBERS[actor.role],
        former_lead_proctor_id=str(former_lead_id),
        proctor_ids=_texts(session.plan.proctor_ids),
    )


def session_handed_over(
    session: Session, actor: Actor, former_lead_id: UUID
) -> pb.SessionHandedOver:
    """Return the event which reports that `actor` handed a session over to another lead proctor."""
    return pb.SessionHandedOver(
        session_id=str(session.session_id),
        handed_over_by=str(actor.person_id),
        acting_role=ROLE_NUMBERS[actor.role],
        former_lead_proctor_id=str(former_lead_id),
        proctor_ids=_texts(session.plan.proctor_ids),
    )


def participant_joined(session: Session, participant: Participant) -> pb.ParticipantJoined:
    """Return the event which reports that a learner joined for the first time."""
    return pb.ParticipantJoined(
        **_ids(participant),
        course_id=str(session.plan.course_id),
        assessment_ids=_texts(session.plan.assessment_ids),
        identity_required=session.plan.identity_policy.is_required,
        awaiting_approval=participant.state is ParticipantState.AWAITING_APPROVAL,
    )


def participant_ready(participant: Participant) -> pb.ParticipantReady:
    """Return the event which reports that a learner meets the identity policy, because their identity was verified."""
    return pb.ParticipantReady(**_ids(participant))


def participant_assessment_authorized(
    participant: Participant, assessment_id: UUID, actor: Actor, revision: int
) -> pb.ParticipantAssessmentAuthorized:
    """Return the event which reports that an assessment was authorised for a learner by `actor`.

    `revision` is the revision of the session in which the assessment was authorised.
    """
    return pb.ParticipantAssessmentAuthorized(
        **_ids(participant),
        assessment_id=str(assessment_id),
        authorized_by=str(actor.person_id),
        acting_role=ROLE_NUMBERS[actor.role],
        authorization_revision=revision,
    )


def participant_authorization_withdrawn(
    participant: Participant,
    assessment_id: UUID,
    actor: Actor,
    revision: int,
    *,
    withdrawn_at: datetime,
) -> pb.ParticipantAuthorizationWithdrawn:
    """Return the event which reports that the authorisation of an assessment was withdrawn by `actor`.

    `revision` is the revision of the session in which the authorisation was withdrawn.
    """
    return pb.ParticipantAuthorizationWithdrawn(
        **_ids(participant),
        assessment_id=str(assessment_id),
        withdrawn_by=str(actor.person_id),
        acting_role=ROLE_NUMBERS[actor.role],
        withdraw_time=to_timestamp(withdrawn_at),
        authorization_revision=revision,
    )


def participant_identity_check_requested(
    participant: Participant, actor: Actor
) -> pb.ParticipantIdentityCheckRequested:
    """Return the event which reports that `actor` requested an identity check of a learner."""
    return pb.ParticipantIdentityCheckRequested(
        **_ids(participant),
        requested_by=str(actor.person_id),
        acting_role=ROLE_NUMBERS[actor.role],
    )


def participant_admitted(
    session: Session, participant: Participant, actor: Actor, admitted_at: datetime
) -> pb.ParticipantAdmitted:
    """Return the event which reports that a learner who waited for approval or was denied was admitted by `actor`."""
    return pb.ParticipantAdmitted(
        **_ids(participant),
        course_id=str(session.plan.course_id),
        admitted_by=str(actor.person_id),
        acting_role=ROLE_NUMBERS[actor.role],
        admit_time=to_timestamp(admitted_at),
    )


def participant_denied(
    participant: Participant, actor: Actor, denied_at: datetime
) -> pb.ParticipantDenied:
    """Return the event which reports that the entry of a learner was denied by `actor`."""
    return pb.ParticipantDenied(
        **_ids(participant),
        denied_by=str(actor.person_id),
        acting_role=ROLE_NUMBERS[actor.role],
        deny_time=to_timestamp(denied_at),
    )


def participant_removed(
    participant: Participant, removal: Removal, actor: Actor
) -> pb.ParticipantRemoved:
    """Return the event which reports that a learner was removed by `actor`."""
    return pb.ParticipantRemoved(
        **_ids(participant),
        removed_by=str(actor.person_id),
        acting_role=ROLE_NUMBERS[actor.role],
        removal_id=str(removal.removal_id),
        removal_time=to_timestamp(removal.removed_at),
    )


def participant_readmitted(
    participant: Participant, removal: Removal, readmitted_at: datetime, actor: Actor
) -> pb.ParticipantReadmitted:
    """Return the event which reports that a removed learner was readmitted by `actor`."""
    return pb.ParticipantReadmitted(
        **_ids(participant),
        readmitted_by=str(actor.person_id),
        acting_role=ROLE_NUMBERS[actor.role],
        removal_id=str(removal.removal_id),
        readmission_time=to_timestamp(readmitted_at),
    )


def participant_ended(
    participant: Participant, ending: Ending, actor: Actor
) -> pb.ParticipantEnded:
    """Return the event which reports that `actor` ended the session for a learner."""
    return pb.ParticipantEnded(
        **_ids(participant),
        ended_by=str(actor.person_id),
        acting_role=ROLE_NUMBERS[actor.role],
        ending_id=str(ending.ending_id),
        end_time=to_timestamp(ending.ended_at),
        removed=participant.removal is not None,
    )


def participant_end_undone(
    participant: Participant, ending: Ending, undone_at: datetime, actor: Actor
) -> pb.ParticipantEndUndone:
    """Return the event which reports that `actor` undid the end of the session for a learner."""
    return pb.ParticipantEndUndone(
        **_ids(participant),
        undone_by=str(actor.person_id),
        acting_role=ROLE_NUMBERS[actor.role],
        ending_id=str(ending.ending_id),
        end_time=to_timestamp(ending.ended_at),
        undo_time=to_timestamp(undone_at),
        removed=participant.removal is not None,
    )


def participant_completed(participant: Participant) -> pb.ParticipantCompleted:
    """Return the event which reports that a learner completed the session."""
    return pb.ParticipantCompleted(**_ids(participant))


def participant_left(participant: Participant) -> pb.ParticipantLeft:
    """Return the event which reports that a learner left.

    A learner leaves when the session ends while the learner is In Session but has not started an assessment.
    """
    return pb.ParticipantLeft(**_ids(participant))


def participant_missed(participant: Participant) -> pb.ParticipantMissed:
    """Return the event which reports that the session ended for a learner who was never In Session."""
    return pb.ParticipantMissed(**_ids(participant))


def participant_connected(
    participant: Participant, ended: Outage | None
) -> pb.ParticipantConnected:
    """Return the event which reports that the first device of a learner connected, and an outage ended."""
    event = pb.ParticipantConnected(**_ids(participant))
    if ended is not None and ended.ended_at is not None:
        event.outage_id = str(ended.outage_id)
        event.outage_end_time.FromDatetime(ended.ended_at)
    return event


def participant_disconnected(
    participant: Participant, started: Outage | None, returned_limit: timedelta
) -> pb.ParticipantDisconnected:
    """Return the event which reports that the last device of a learner disconnected, and an outage started."""
    event = pb.ParticipantDisconnected(**_ids(participant))
    if started is not None:
        event.outage_id = str(started.outage_id)
        event.outage_start_time.FromDatetime(started.started_at)
        if returned_limit:
            event.returned_limit.FromTimedelta(returned_limit)
    return event


def participant_return_requested(
    participant: Participant, request: ReturnRequest
) -> pb.ParticipantReturnRequested:
    """Return the event which reports that a learner returned from an outage and waits for approval."""
    return pb.ParticipantReturnRequested(
        **_ids(participant),
        return_request_id=str(request.request_id),
        request_time=to_timestamp(request.requested_at),
    )


def participant_return_admitted(
    participant: Participant, request: ReturnRequest, actor: Actor, admitted_at: datetime
) -> pb.ParticipantReturnAdmitted:
    """Return the event which reports that a learner was let back in by `actor`."""
    return pb.ParticipantReturnAdmitted(
        **_ids(participant),
        return_request_id=str(request.request_id),
        admitted_by=str(actor.person_id),
        acting_role=ROLE_NUMBERS[actor.role],
        admit_time=to_timestamp(admitted_at),
    )


def participant_return_denied(
    participant: Participant, request: ReturnRequest, actor: Actor, denied_at: datetime
) -> pb.ParticipantReturnDenied:
    """Return the event which reports that the return of a learner was denied by `actor`."""
    return pb.ParticipantReturnDenied(
        **_ids(participant),
        return_request_id=str(request.request_id),
        denied_by=str(actor.person_id),
        acting_role=ROLE_NUMBERS[actor.role],
        deny_time=to_timestamp(denied_at),
    )


def incident_created(incident: Incident) -> pb.IncidentCreated:
    """Return the event which reports that an incident was written down."""
    return pb.IncidentCreated(**_incident_fields(incident))


def incident_updated(incident: Incident) -> pb.IncidentUpdated:
    """Return the event which reports that an incident was changed."""
    return pb.IncidentUpdated(**_incident_fields(incident), revision=incident.revision)


def hand_raised(hand: Hand, person_id: UUID) -> pb.HandRaised:
    """Return the event which reports that a learner raised their hand."""
    return pb.HandRaised(
        hand_id=str(hand.hand_id),
        session_id=str(hand.session_id),
        participant_id=str(hand.participant_id),
        person_id=str(person_id),
        kind=HAND_KINDS.to_proto(hand.kind),
        raise_time=to_timestamp(hand.raised_at),
    )


def hand_answered(hand: Hand, person_id: UUID, role: MemberRole) -> pb.HandAnswered:
    """Return the event which reports that a person who acts in `role` answered a hand."""
    return pb.HandAnswered(
        hand_id=str(hand.hand_id),
        session_id=str(hand.session_id),
        participant_id=str(hand.participant_id),
        answered_by=str(person_id),
        acting_role=ROLE_NUMBERS[role],
        answer_time=to_timestamp(hand.closed_at),
    )


def hand_lowered(hand: Hand, person_id: UUID | None, role: MemberRole | None) -> pb.HandLowered:
    """Return the event which reports that a hand was lowered.

    A person who acts in `role` lowered the hand. If `person_id` and `role` are None, it was lowered automatically.
    """
    return pb.HandLowered(
        hand_id=str(hand.hand_id),
        session_id=str(hand.session_id),
        participant_id=str(hand.participant_id),
        lowered_by=id_text(person_id),
        acting_role=options_pb2.ROLE_UNSPECIFIED if role is None else ROLE_NUMBERS[role],
        lower_time=to_timestamp(hand.closed_at),
    )


def message_sent(message: Message) -> pb.MessageSent:
    """Return the event which reports that a message or an announcement was sent."""
    return pb.MessageSent(
        message_id=str(message.message_id),
        session_id=str(message.session_id),
        participant_id=id_text(message.participant_id),
        sequence=message.sequence,
        sender_id=str(message.sender_id),
        acting_role=ROLE_NUMBERS[message.role],
        send_time=to_timestamp(message.sent_at),
        length=len(message.text),
        text_hash=message.text_hash,
    )


def _incident_fields(incident: Incident) -> _IncidentFields:
    return {
        "incident_id": str(incident.incident_id),
        "session_id": str(incident.session_id),
        "participant_id": id_text(incident.participant_id),
        "category_id": incident.category_id,
        "severity": INCIDENT_SEVERITIES.to_proto(incident.severity),
        "occurrence_time": to_timestamp(incident.occurred_at),
        "note_hash": incident.note_hash,
        "written_by": str(incident.author.person_id),
        "acting_role": ROLE_NUMBERS[incident.author.role],
    }


def session_paused(session: Session, pause: Pause, actor: Actor) -> pb.SessionPaused:
    """Return the event which reports that a whole session was paused by `actor`."""
    return pb.SessionPaused(
        session_id=str(session.session_id),
        pause_id=str(pause.pause_id),
        pause_time=to_timestamp(pause.paused_at),
        paused_by=str(actor.person_id),
        acting_role=ROLE_NUMBERS[actor.role],
        questions_shown=session.plan.questions_shown_while_paused,
    )


def session_resumed(
    session: Session, pause: Pause, resumed_at: datetime, actor: Actor
) -> pb.SessionResumed:
    """Return the event which reports that the pause of a whole session was ended by `actor`."""
    return pb.SessionResumed(
        session_id=str(session.session_id),
        pause_id=str(pause.pause_id),
        resume_time=to_timestamp(resumed_at),
        resumed_by=str(actor.person_id),
        acting_role=ROLE_NUMBERS[actor.role],
    )


def participant_paused(
    session: Session, participant: Participant, pause: Pause, actor: Actor
) -> pb.ParticipantPaused:
    """Return the event which reports that a participant was paused by `actor`."""
    return pb.ParticipantPaused(
        **_ids(participant),
        pause_id=str(pause.pause_id),
        pause_time=to_timestamp(pause.paused_at),
        paused_by=str(actor.person_id),
        acting_role=ROLE_NUMBERS[actor.role],
        questions_shown=session.plan.questions_shown_while_paused,
    )


def participant_resumed(
    participant: Participant, pause: Pause, resumed_at: datetime, actor: Actor
) -> pb.ParticipantResumed:
    """Return the event which reports that the pause of a participant was ended by `actor`."""
    return pb.ParticipantResumed(
        **_ids(participant),
        pause_id=str(pause.pause_id),
        resume_time=to_timestamp(resumed_at),
        resumed_by=str(actor.person_id),
        acting_role=ROLE_NUMBERS[actor.role],
    )


def participant_extra_time_granted(
    participant: Participant, grant: ExtraTimeGrant
) -> pb.ParticipantExtraTimeGranted:
    """Return the event which reports that extra time was granted to a participant or taken back."""
    event = pb.ParticipantExtraTimeGranted(
        **_ids(participant),
        grant_id=str(grant.grant_id),
        grant_time=to_timestamp(grant.granted_at),
        granted_by=str(grant.actor.person_id),
        acting_role=ROLE_NUMBERS[grant.actor.role],
    )
    event.amount.FromTimedelta(grant.amount)
    return event


def _person_id(actor: Actor | None) -> str:
    return "" if actor is None else str(actor.person_id)


def _role_number(actor: Actor | None) -> options_pb2.Role.ValueType:
    return options_pb2.ROLE_UNSPECIFIED if actor is None else ROLE_NUMBERS[actor.role]


def _texts(ids: Iterable[UUID]) -> list[str]:
    return [str(each) for each in ids]


class _BreakIds(TypedDict):
    break_id: str
    session_id: str
    participant_id: str


def _break_ids(taken: Break) -> _BreakIds:
    return {
        "break_id": str(taken.break_id),
        "session_id": str(taken.session_id),
        "participant_id": str(taken.participant_id),
    }


def break_requested(taken: Break, person_id: UUID) -> pb.BreakRequested:
    """Return the event which reports that a learner requested a break."""
    return pb.BreakRequested(
        **_break_ids(taken),
        person_id=str(person_id),
        request_time=to_timestamp(taken.requested_at),
    )


def break_granted(taken: Break, actor: Actor, granted_at: datetime) -> pb.BreakGranted:
    """Return the event which reports that `actor` granted a break."""
    event = pb.BreakGranted(
        **_break_ids(taken),
        granted_by=str(actor.person_id),
        acting_role=ROLE_NUMBERS[actor.role],
        grant_time=to_timestamp(granted_at),
    )
    _set_length(event, taken)
    return event


def break_refused(taken: Break, actor: Actor) -> pb.BreakRefused:
    """Return the event which reports that `actor` refused a break."""
    return pb.BreakRefused(
        **_break_ids(taken),
        refused_by=str(actor.person_id),
        acting_role=ROLE_NUMBERS[actor.role],
        refuse_time=to_timestamp(taken.closed_at),
    )


def break_started(session: Session, taken: Break, person_id: UUID) -> pb.BreakStarted:
    """Return the event which reports that a learner started a break."""
    event = pb.BreakStarted(
        **_break_ids(taken),
        person_id=str(person_id),
        start_time=to_timestamp(taken.started_at),
        clock_stops=session.plan.break_policy.clock_stops,
    )
    _set_length(event, taken)
    return event


def break_returned(taken: Break, person_id: UUID | None) -> pb.BreakReturned:
    """Return the event which reports that a break ended.

    `person_id` is None if the break ended because the learner was removed or the session ended for the learner.
    """
    return pb.BreakReturned(
        **_break_ids(taken),
        person_id=id_text(person_id),
        return_time=to_timestamp(taken.closed_at),
    )


def break_cancelled(taken: Break, person_id: UUID | None) -> pb.BreakCancelled:
    """Return the event which reports that a break was cancelled before its start.

    `person_id` is None if the break was cancelled because the learner was removed or the session ended for the learner.
    """
    return pb.BreakCancelled(
        **_break_ids(taken),
        person_id=id_text(person_id),
        cancel_time=to_timestamp(taken.closed_at),
    )


def break_overrun(taken: Break, person_id: UUID) -> pb.BreakOverrun:
    """Return the event which reports that a learner did not return in time."""
    return pb.BreakOverrun(
        **_break_ids(taken),
        person_id=str(person_id),
        due_time=to_timestamp(taken.due_at),
    )


def _set_length(event: pb.BreakGranted | pb.BreakStarted, taken: Break) -> None:
    assert taken.length is not None, "a granted break has a length"
    event.length.FromTimedelta(taken.length)
