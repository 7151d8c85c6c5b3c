"""The events about sessions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from proctorium.options.v1 import options_pb2
from proctorium.session.events.v1 import events_pb2 as pb
from proctorium.session.v1 import sessions_pb2
from proctorium_common.messages import EnumConversion, id_text, to_timestamp
from proctorium_common.rpc.access import ROLE_NUMBERS
from proctorium_session.domain.identity import IdentityPolicy
from proctorium_session.domain.participants import Participant
from proctorium_session.domain.sessions import ActingRole, Actor, Pause, Session
from proctorium_session.events.fields import actor_id, actor_role, id_texts

IDENTITY_POLICIES = EnumConversion(IdentityPolicy, sessions_pb2.IdentityPolicy, "IDENTITY_POLICY_")

TIME_EVENTS = frozenset(
    f"{option.aggregate}.{option.action}"
    for message in pb.DESCRIPTOR.message_types_by_name.values()
    if (option := message.GetOptions().Extensions[options_pb2.event]).moves_time
)
"""The names of the events that can move the time of attempts, as the session record contains them."""


def session_scheduled(session: Session, learner_ids: Iterable[UUID]) -> pb.SessionScheduled:
    """Return the event which reports that a session was planned."""
    plan = session.plan
    event = pb.SessionScheduled(
        session_id=str(session.session_id),
        course_id=str(plan.course_id),
        assessment_ids=id_texts(plan.assessment_ids),
        title=plan.title,
        start_time=to_timestamp(plan.start_time),
        lobby_open_time=to_timestamp(session.lobby_open_time),
        proctor_ids=id_texts(plan.proctor_ids),
        learner_ids=id_texts(learner_ids),
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
        person_ids=id_texts(person_ids),
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
        closed_by=actor_id(closing.actor),
        acting_role=actor_role(closing.actor),
    )


def session_closing_cancelled(
    session: Session, cancelled_at: datetime, actor: Actor | None
) -> pb.SessionClosingCancelled:
    """Return the event which reports that the closing of a session was cancelled by `actor`, or automatically."""
    return pb.SessionClosingCancelled(
        session_id=str(session.session_id),
        cancel_time=to_timestamp(cancelled_at),
        cancelled_by=actor_id(actor),
        acting_role=actor_role(actor),
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

    `actor` is None if the session closed automatically. `time_event_counts` contains the numbers of time events by
    participant id. The key None has the number of events that concern the whole session. A learner who was In Session
    attended the session, even if the learner was removed later.
    """
    event = pb.SessionEnded(
        session_id=str(session.session_id),
        course_id=str(session.plan.course_id),
        end_time=to_timestamp(session.end_time),
        ended_by=id_text(session.ended_by),
        acting_role=actor_role(actor),
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
        acting_role=actor_role(actor),
        reopening_id=str(reopening_id),
        end_time=to_timestamp(ended.end_time),
        reopen_time=to_timestamp(reopened_at),
        person_ids=id_texts(people),
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
        proctor_ids=id_texts(session.plan.proctor_ids),
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
        proctor_ids=id_texts(session.plan.proctor_ids),
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
        proctor_ids=id_texts(session.plan.proctor_ids),
    )


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
