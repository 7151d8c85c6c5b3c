"""Conversions between domain values and messages."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal
from uuid import UUID

from google.protobuf.duration_pb2 import Duration

from proctorium.assessment.events.v1 import events_pb2 as assessment_events
from proctorium.session.v1 import (
    breaks_pb2,
    hands_pb2,
    incidents_pb2,
    lobby_pb2,
    messages_pb2,
    sessions_pb2,
    supervision_pb2,
)
from proctorium_common.errors import ServiceError
from proctorium_common.ids import parse_id, parse_ids
from proctorium_common.messages import EnumConversion, id_text, to_timestamp
from proctorium_common.rpc.access import ROLE_NUMBERS
from proctorium_common.rpc.validation import time_of
from proctorium_session.domain.breaks import (
    NO_BREAKS,
    Break,
    BreakAllowance,
    BreakPolicy,
    BreakState,
    allowance_of,
)
from proctorium_session.domain.conversations import Message
from proctorium_session.domain.errors import invalid_at
from proctorium_session.domain.hands import Hand, HandState
from proctorium_session.domain.identity import IdentityPolicy, IdentityState
from proctorium_session.domain.incidents import (
    Incident,
    IncidentCategory,
    IncidentChanges,
)
from proctorium_session.domain.outages import (
    APPROVAL_GRACE,
    CLOCK_RUNS,
    DisconnectPolicy,
    Outage,
    ReturnRequest,
)
from proctorium_session.domain.outcomes import Outcome, ParticipantRefusal
from proctorium_session.domain.participants import (
    NO_MESSAGES,
    Conversation,
    Participant,
    ParticipantView,
    ShownState,
    shown_state,
)
from proctorium_session.domain.progress import (
    AttemptTime,
    Progress,
    ProgressState,
    WithdrawalState,
)
from proctorium_session.domain.record import Entry, OwnEntry, RecordActor
from proctorium_session.domain.schedule import LATE_ENTRY_LIMIT, LOBBY_LEAD
from proctorium_session.domain.session_states import SessionState
from proctorium_session.domain.sessions import (
    CLOSING_COUNTDOWN,
    REOPEN_WINDOW,
    Closing,
    LateEntry,
    Pause,
    Plan,
    Session,
)
from proctorium_session.events.session_events import IDENTITY_POLICIES
from proctorium_session.events.supervision_events import HAND_KINDS, INCIDENT_SEVERITIES
from proctorium_session.storage.record_accesses import RecordAccess

SESSION_STATES = EnumConversion(SessionState, sessions_pb2.SessionState, "SESSION_STATE_")
LATE_ENTRIES = EnumConversion(LateEntry, sessions_pb2.LateEntry, "LATE_ENTRY_")
PARTICIPANT_STATES = EnumConversion(ShownState, lobby_pb2.ParticipantState, "PARTICIPANT_STATE_")
BREAK_STATES = EnumConversion(BreakState, breaks_pb2.BreakState, "BREAK_STATE_")
HAND_STATES = EnumConversion(HandState, hands_pb2.HandState, "HAND_STATE_")
IDENTITY_STATES = EnumConversion(IdentityState, lobby_pb2.IdentityState, "IDENTITY_STATE_")
PROGRESS_STATES = EnumConversion(
    ProgressState, lobby_pb2.AssessmentProgressState, "ASSESSMENT_PROGRESS_STATE_"
)
WITHDRAWAL_STATES = EnumConversion(WithdrawalState, lobby_pb2.WithdrawalState, "WITHDRAWAL_STATE_")
RECORD_ACTORS = EnumConversion(RecordActor, supervision_pb2.RecordActor, "RECORD_ACTOR_")


@dataclass(frozen=True, slots=True)
class PlanDefaults:
    """The configured defaults of fields that a plan may omit."""

    uncovered_after: timedelta
    auto_close_after: timedelta


def plan_from_message(message: sessions_pb2.SessionPlan, defaults: PlanDefaults) -> Plan:
    """Return the plan in a request.

    Missing fields have the defaults that are documented in the proto. Raises INVALID_ID, INVALID_REQUEST.
    """
    late_entry = LateEntry.UNTIL
    if message.late_entry:
        late_entry = LATE_ENTRIES.from_proto(message.late_entry)
    policy = IdentityPolicy.NONE
    if message.identity_policy == sessions_pb2.IDENTITY_POLICY_BEFORE_ASSESSMENT:
        policy = IdentityPolicy.BEFORE_ASSESSMENT
    late_entry_limit = _duration(message, "late_entry_limit", LATE_ENTRY_LIMIT)
    return Plan(
        course_id=parse_id(message.course_id, "course_id"),
        assessment_ids=parse_ids(message.assessment_ids, "plan.assessment_ids"),
        title=message.title,
        start_time=time_of(message.start_time, "plan.start_time"),
        duration=message.duration.ToTimedelta(),
        proctor_ids=parse_ids(message.proctor_ids, "plan.proctor_ids"),
        capacity=message.capacity,
        lobby_lead=_duration(message, "lobby_lead", LOBBY_LEAD),
        late_entry=late_entry,
        late_entry_limit=late_entry_limit if late_entry is LateEntry.UNTIL else timedelta(0),
        identity_policy=policy,
        uncovered_after=_duration(message, "uncovered_after", defaults.uncovered_after),
        closing_countdown=_duration(message, "closing_countdown", CLOSING_COUNTDOWN),
        auto_close_after=_duration(message, "auto_close_after", defaults.auto_close_after),
        reopen_window=_duration(message, "reopen_window", REOPEN_WINDOW),
        break_policy=_break_policy_from_message(message.break_policy),
        questions_shown_while_paused=message.questions_shown_while_paused,
        disconnect_policy=_disconnect_policy_from_message(message.disconnect_policy),
    )


_DurationField = Literal[
    "late_entry_limit",
    "lobby_lead",
    "uncovered_after",
    "closing_countdown",
    "auto_close_after",
    "reopen_window",
]


def _duration(
    message: sessions_pb2.SessionPlan, field: _DurationField, default: timedelta
) -> timedelta:
    if not message.HasField(field):
        return default
    value: Duration = getattr(message, field)
    return value.ToTimedelta()


def _break_policy_from_message(message: sessions_pb2.BreakPolicy) -> BreakPolicy:
    length = message.length.ToTimedelta()
    total = message.total.ToTimedelta() if message.HasField("total") else message.count * length
    return BreakPolicy(message.count, length, total, message.clock_stops)


def _disconnect_policy_from_message(message: sessions_pb2.DisconnectPolicy) -> DisconnectPolicy:
    has_grace = message.HasField("approval_grace")
    return DisconnectPolicy(
        message.returned_limit.ToTimedelta(),
        message.requires_approval,
        message.approval_grace.ToTimedelta() if has_grace else APPROVAL_GRACE,
    )


def session_message(session: Session, learner_ids: tuple[UUID, ...] = ()) -> sessions_pb2.Session:
    """Return a session as a message. `learner_ids` is empty if the caller must not see the invited learners."""
    return sessions_pb2.Session(
        session_id=str(session.session_id),
        plan=_plan_message(session.plan, learner_ids),
        state=SESSION_STATES.to_proto(session.state),
        lobby_open_time=to_timestamp(session.lobby_open_time),
        actual_start_time=to_timestamp(session.actual_start_time),
        end_time=to_timestamp(session.end_time),
        participant_count=session.participant_count,
        announcement_count=session.announcement_count,
        ended_by=id_text(session.ended_by),
        pause=pause_message(session.pause),
        closing=closing_message(session.closing),
        expected_end_time=to_timestamp(session.expected_end),
    )


def closing_message(closing: Closing | None) -> sessions_pb2.Closing | None:
    """Return the closing of a session as a message, or None if the session is not closing."""
    if closing is None:
        return None
    closed_by = id_text(closing.actor.person_id if closing.actor else None)
    return sessions_pb2.Closing(end_time=to_timestamp(closing.end_at), closed_by=closed_by)


def pause_message(pause: Pause | None) -> sessions_pb2.Pause | None:
    """Return an open pause as a message, or None if there is none."""
    if pause is None:
        return None
    return sessions_pb2.Pause(
        pause_id=str(pause.pause_id),
        pause_time=to_timestamp(pause.paused_at),
        pause_reason=pause.reason,
    )


def supervised_session_message(
    session: Session, learner_ids: tuple[UUID, ...]
) -> sessions_pb2.Session:
    """Return a session as a message for a caller who supervises it.

    The message shows who is present, whether an attempt prevents the automatic closing, and the time until which the
    proctors can reopen the session.
    """
    message = session_message(session, learner_ids)
    coverage = session.coverage
    message.coverage.present_person_ids.extend(str(each) for each in coverage.present_ids)
    if coverage.uncovered_at is not None:
        message.coverage.uncovered_time.FromDatetime(coverage.uncovered_at)
    if session.overdue_at is not None:
        message.overdue_time.FromDatetime(session.overdue_at)
    if session.reopen_until is not None:
        message.reopen_end_time.FromDatetime(session.reopen_until)
    return message


def uncovered_session_message(session: Session) -> supervision_pb2.UncoveredSession:
    """Return an uncovered session as a message for a person who may take it."""
    return supervision_pb2.UncoveredSession(
        session_id=str(session.session_id),
        title=session.plan.title,
        state=SESSION_STATES.to_proto(session.state),
        start_time=to_timestamp(session.plan.start_time),
        uncovered_time=to_timestamp(session.coverage.uncovered_at),
        lead_proctor_id=str(session.plan.proctor_ids[0]),
    )


def _plan_message(plan: Plan, learner_ids: tuple[UUID, ...]) -> sessions_pb2.SessionPlan:
    message = sessions_pb2.SessionPlan(
        course_id=str(plan.course_id),
        assessment_ids=[str(each) for each in plan.assessment_ids],
        title=plan.title,
        start_time=to_timestamp(plan.start_time),
        proctor_ids=[str(each) for each in plan.proctor_ids],
        learner_ids=[str(each) for each in learner_ids],
        capacity=plan.capacity,
        late_entry=LATE_ENTRIES.to_proto(plan.late_entry),
        identity_policy=IDENTITY_POLICIES.to_proto(plan.identity_policy),
        questions_shown_while_paused=plan.questions_shown_while_paused,
    )
    message.duration.FromTimedelta(plan.duration)
    message.lobby_lead.FromTimedelta(plan.lobby_lead)
    message.uncovered_after.FromTimedelta(plan.uncovered_after)
    message.closing_countdown.FromTimedelta(plan.closing_countdown)
    message.auto_close_after.FromTimedelta(plan.auto_close_after)
    message.reopen_window.FromTimedelta(plan.reopen_window)
    if plan.late_entry is LateEntry.UNTIL:
        message.late_entry_limit.FromTimedelta(plan.late_entry_limit)
    if plan.break_policy != NO_BREAKS:
        message.break_policy.CopyFrom(_break_policy_message(plan.break_policy))
    if plan.disconnect_policy != CLOCK_RUNS:
        policy = plan.disconnect_policy
        message.disconnect_policy.returned_limit.FromTimedelta(policy.returned_limit)
        message.disconnect_policy.requires_approval = policy.requires_approval
        message.disconnect_policy.approval_grace.FromTimedelta(policy.approval_grace)
    return message


def _break_policy_message(policy: BreakPolicy) -> sessions_pb2.BreakPolicy:
    message = sessions_pb2.BreakPolicy(count=policy.count, clock_stops=policy.clock_stops)
    if policy.count:
        message.length.FromTimedelta(policy.length)
        message.total.FromTimedelta(policy.total)
    return message


def participant_message(session: Session, view: ParticipantView) -> lobby_pb2.Participant:
    """Return a participant as a message, with their progress in every assessment of the session."""
    participant = view.participant
    message = lobby_pb2.Participant(
        participant_id=str(participant.participant_id),
        session_id=str(participant.session_id),
        person_id=str(participant.person_id),
        state=PARTICIPANT_STATES.to_proto(shown_state(session, participant)),
        connected=participant.connected,
        identity=IDENTITY_STATES.to_proto(participant.identity),
        assessments=[progress_message(view.progress(each)) for each in session.plan.assessment_ids],
        join_time=to_timestamp(participant.join_time),
        identity_check_reason=participant.identity_check_reason,
        removal_reason=participant.removal_reason,
        denial_reason=participant.denial_reason,
        end_reason=participant.end_reason,
        end_time=to_timestamp(participant.ending.ended_at if participant.ending else None),
        conversation=conversation_message(participant.conversation),
        hand=hand_message(participant.hand) if participant.hand else None,
    )
    message.MergeFrom(time_message(participant))
    if participant.breaks.latest is not None:
        message.latest_break.CopyFrom(break_message(participant.breaks.latest))
    allowance = allowance_of(session.plan.break_policy, participant.breaks)
    if allowance is not None:
        message.break_allowance.CopyFrom(break_allowance_message(allowance))
    if participant.outage is not None:
        message.latest_outage.CopyFrom(outage_message(participant.outage))
    if participant.return_request is not None:
        message.return_request.CopyFrom(return_request_message(participant.return_request))
    return message


def roster_participant_message(session: Session, view: ParticipantView) -> lobby_pb2.Participant:
    """Return a participant as a message for the roster, with the progress through the course."""
    message = participant_message(session, view)
    if session.course_unit_count:
        progress = message.course_progress
        progress.unit_count = session.course_unit_count
        progress.finished_unit_count = view.participant.finished_unit_count
    return message


def return_request_message(request: ReturnRequest) -> lobby_pb2.ReturnRequest:
    """Return a return request as a message."""
    return lobby_pb2.ReturnRequest(
        return_request_id=str(request.request_id),
        request_time=to_timestamp(request.requested_at),
        denial_reason=request.denial_reason,
    )


def outage_message(outage: Outage) -> lobby_pb2.Outage:
    """Return an outage as a message."""
    return lobby_pb2.Outage(
        outage_id=str(outage.outage_id),
        start_time=to_timestamp(outage.started_at),
        end_time=to_timestamp(outage.ended_at),
    )


def break_message(taken: Break) -> breaks_pb2.Break:
    """Return a break as a message."""
    message = breaks_pb2.Break(
        break_id=str(taken.break_id),
        session_id=str(taken.session_id),
        participant_id=str(taken.participant_id),
        state=BREAK_STATES.to_proto(taken.state),
        request_time=to_timestamp(taken.requested_at),
        refusal_reason=taken.refusal_reason,
        start_time=to_timestamp(taken.started_at),
        close_time=to_timestamp(taken.closed_at),
        overrun_time=to_timestamp(taken.overrun_at),
    )
    if taken.length is not None:
        message.length.FromTimedelta(taken.length)
    return message


def break_allowance_message(allowance: BreakAllowance) -> breaks_pb2.BreakAllowance:
    """Return a break allowance as a message."""
    message = breaks_pb2.BreakAllowance(remaining_count=allowance.count)
    message.remaining_time.FromTimedelta(allowance.time)
    message.longest_length.FromTimedelta(allowance.longest)
    return message


def hand_message(hand: Hand) -> hands_pb2.Hand:
    """Return a hand as a message."""
    return hands_pb2.Hand(
        hand_id=str(hand.hand_id),
        session_id=str(hand.session_id),
        participant_id=str(hand.participant_id),
        kind=HAND_KINDS.to_proto(hand.kind),
        state=HAND_STATES.to_proto(hand.state),
        raise_time=to_timestamp(hand.raised_at),
        close_time=to_timestamp(hand.closed_at),
    )


def conversation_message(conversation: Conversation) -> messages_pb2.Conversation | None:
    """Return the state of a conversation as a message, or None if there are no messages."""
    if conversation == NO_MESSAGES:
        return None
    return messages_pb2.Conversation(
        message_count=conversation.message_count,
        learner_read_sequence=conversation.learner_read,
        proctors_read_sequence=conversation.proctors_read,
        learner_unread_count=conversation.learner_unread,
        proctors_unread_count=conversation.proctors_unread,
        announcements_read_sequence=conversation.announcements_read,
    )


def message_message(message: Message) -> messages_pb2.Message:
    """Return a message of a conversation as a protobuf message."""
    return messages_pb2.Message(
        message_id=str(message.message_id),
        session_id=str(message.session_id),
        participant_id=id_text(message.participant_id),
        sequence=message.sequence,
        sender_id=str(message.sender_id),
        acting_role=ROLE_NUMBERS[message.role],
        text=message.text,
        send_time=to_timestamp(message.sent_at),
    )


def time_message(participant: Participant) -> lobby_pb2.Participant:
    """Return a message that has only the pause and the extra time of the participant."""
    message = lobby_pb2.Participant(
        pause=pause_message(participant.pause), extra_time_reason=participant.extra_time_reason
    )
    if participant.extra_time:
        message.extra_time.FromTimedelta(participant.extra_time)
    return message


def progress_message(progress: Progress) -> lobby_pb2.AssessmentProgress:
    """Return the progress of a participant in an assessment as a message."""
    message = lobby_pb2.AssessmentProgress(
        assessment_id=str(progress.assessment_id),
        attempt_id=id_text(progress.attempt_id),
        state=PROGRESS_STATES.to_proto(progress.state),
        answered_count=progress.answered_count,
        item_count=progress.item_count,
        withdrawal=WITHDRAWAL_STATES.to_proto(progress.withdrawal)
        if progress.withdrawal
        else lobby_pb2.WITHDRAWAL_STATE_UNSPECIFIED,
    )
    if progress.state is ProgressState.IN_PROGRESS:
        message.MergeFrom(attempt_time_message(progress.time))
    return message


def attempt_time_message(time: AttemptTime) -> lobby_pb2.AssessmentProgress:
    """Return a message that has only the time of an attempt in progress."""
    message = lobby_pb2.AssessmentProgress(deadline_time=to_timestamp(time.deadline_at))
    if time.stopped_remaining is not None:
        message.stopped_remaining.FromTimedelta(time.stopped_remaining)
    if time.returned:
        message.returned_time.FromTimedelta(time.returned)
    return message


def outcome_messages(
    session: Session, outcomes: Mapping[UUID, Outcome]
) -> list[supervision_pb2.ParticipantOutcome]:
    """Return the outcomes of a request for several participants, as messages."""
    return [
        supervision_pb2.ParticipantOutcome(
            participant_id=str(participant_id), error=_refusal_message(outcome)
        )
        if isinstance(outcome, ParticipantRefusal)
        else supervision_pb2.ParticipantOutcome(
            participant_id=str(participant_id), participant=_outcome_participant(session, outcome)
        )
        for participant_id, outcome in outcomes.items()
    ]


def _outcome_participant(session: Session, view: ParticipantView) -> lobby_pb2.Participant:
    """Return a participant without reasons, because a response repeats the reason of its request for each participant.

    The roster contains the reasons.
    """
    message = participant_message(session, view)
    message.ClearField("extra_time_reason")
    message.ClearField("identity_check_reason")
    message.ClearField("denial_reason")
    message.ClearField("end_reason")
    if message.HasField("pause"):
        message.pause.ClearField("pause_reason")
    if message.HasField("return_request"):
        message.return_request.ClearField("denial_reason")
    return message


def _refusal_message(refusal: ParticipantRefusal) -> supervision_pb2.ParticipantError:
    return supervision_pb2.ParticipantError(reason=refusal.reason, message=refusal.message)


def entry_message(entry: Entry) -> supervision_pb2.RecordEntry:
    """Return an entry of the session record as a message."""
    content = entry.content
    return supervision_pb2.RecordEntry(
        number=entry.number,
        event=content.event,
        time=to_timestamp(content.time),
        actor=content.actor,
        participant_id=id_text(content.participant_id),
        body=content.body,
        hash=entry.hash,
        change_count=_change_count(content.event, content.body),
    )


def own_entry_message(entry: OwnEntry) -> supervision_pb2.OwnRecordEntry:
    """Return an entry of the session record as a message for the learner whom the entry concerns."""
    return supervision_pb2.OwnRecordEntry(
        number=entry.number,
        event=entry.event,
        time=to_timestamp(entry.time),
        actor=RECORD_ACTORS.to_proto(entry.actor),
        own=entry.own,
        change_count=_change_count(entry.event, entry.body),
    )


def _change_count(event: str, body: bytes) -> int:
    match event:
        case "attempt.saved-during-stop":
            return assessment_events.AttemptSavedDuringStop.FromString(body).change_count
        case "attempt.saved-on-older-device":
            return assessment_events.AttemptSavedOnOlderDevice.FromString(body).change_count
        case _:
            return 0


def access_message(access: RecordAccess) -> supervision_pb2.RecordAccess:
    """Return an access to the session record as a message."""
    return supervision_pb2.RecordAccess(
        person_id=str(access.accessed_by),
        acting_role=ROLE_NUMBERS[access.acting_role],
        access_time=to_timestamp(access.minute),
    )


def incident_message(incident: Incident) -> incidents_pb2.Incident:
    """Return an incident as a message."""
    return incidents_pb2.Incident(
        incident_id=str(incident.incident_id),
        session_id=str(incident.session_id),
        participant_id=id_text(incident.participant_id),
        category_id=incident.category_id,
        severity=INCIDENT_SEVERITIES.to_proto(incident.severity),
        note=incident.note,
        occurrence_time=to_timestamp(incident.occurred_at),
        etag=incident.etag,
        revision=incident.revision,
        written_by=str(incident.author.person_id),
        acting_role=ROLE_NUMBERS[incident.author.role],
        write_time=to_timestamp(incident.written_at),
    )


def incident_changes_from_message(
    message: incidents_pb2.Incident, fields: Collection[str]
) -> IncidentChanges:
    """Return the new values of the fields that a request updates.

    Raises INVALID_REQUEST if a required field is updated to be empty.
    """
    if "severity" in fields and not message.severity:
        raise _missing("severity")
    for field in ("category_id", "note"):
        if field in fields and not getattr(message, field):
            raise _missing(field)
    if "occurrence_time" in fields and not message.HasField("occurrence_time"):
        raise _missing("occurrence_time")
    return IncidentChanges(
        category_id=message.category_id if "category_id" in fields else None,
        severity=INCIDENT_SEVERITIES.from_proto(message.severity) if "severity" in fields else None,
        note=message.note if "note" in fields else None,
        occurred_at=time_of(message.occurrence_time, "incident.occurrence_time")
        if "occurrence_time" in fields
        else None,
    )


def incident_category_message(category: IncidentCategory) -> incidents_pb2.IncidentCategory:
    """Return a category of incidents and its subcategories as a message."""
    return incidents_pb2.IncidentCategory(
        category_id=category.category_id,
        title=category.title,
        subcategories=[incident_category_message(each) for each in category.subcategories],
    )


def _missing(field: str) -> ServiceError:
    return invalid_at(f"incident.{field}", "INVALID_REQUEST", "Fill this in.")
