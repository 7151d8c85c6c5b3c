"""The events about raised hands, messages, incidents and breaks."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict
from uuid import UUID

from google.protobuf.timestamp_pb2 import Timestamp

from proctorium.options.v1 import options_pb2
from proctorium.session.events.v1 import events_pb2 as pb
from proctorium.session.v1 import hands_pb2, incidents_pb2
from proctorium_common.messages import EnumConversion, id_text, to_timestamp
from proctorium_common.rpc.access import ROLE_NUMBERS
from proctorium_session.domain.breaks import Break
from proctorium_session.domain.conversations import Message
from proctorium_session.domain.hands import Hand, HandKind
from proctorium_session.domain.incidents import Incident, IncidentSeverity
from proctorium_session.domain.sessions import Actor, MemberRole, Session

HAND_KINDS = EnumConversion(HandKind, hands_pb2.HandKind, "HAND_KIND_")

INCIDENT_SEVERITIES = EnumConversion(
    IncidentSeverity, incidents_pb2.IncidentSeverity, "INCIDENT_SEVERITY_"
)


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
    """Return the event which reports that a learner has not returned from a break in time."""
    return pb.BreakOverrun(
        **_break_ids(taken),
        person_id=str(person_id),
        due_time=to_timestamp(taken.due_at),
    )


def _set_length(event: pb.BreakGranted | pb.BreakStarted, taken: Break) -> None:
    assert taken.length is not None, "a granted break has a length"
    event.length.FromTimedelta(taken.length)
