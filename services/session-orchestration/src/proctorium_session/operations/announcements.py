"""The events of session orchestration, made from what they tell of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

from proctorium.options.v1 import options_pb2
from proctorium.session.events.v1 import events_pb2 as events
from proctorium.session.v1 import sessions_pb2
from proctorium_common.rpc.access import ROLE_NUMBERS
from proctorium_session.domain.identity import IdentityPolicy
from proctorium_session.domain.participants import Participant
from proctorium_session.domain.session_states import Mover
from proctorium_session.domain.sessions import Session
from proctorium_session.operations.access import Actor

_IDENTITY_POLICIES = {
    IdentityPolicy.NONE: sessions_pb2.IDENTITY_POLICY_NONE,
    IdentityPolicy.BEFORE_ASSESSMENT: sessions_pb2.IDENTITY_POLICY_BEFORE_ASSESSMENT,
}


def scheduled(session: Session, learner_ids: Iterable[UUID]) -> events.SessionScheduled:
    """Build the event that a session was planned."""
    plan = session.plan
    event = events.SessionScheduled(
        session_id=str(session.session_id),
        course_id=str(plan.course_id),
        assessment_ids=_texts(plan.assessment_ids),
        title=plan.title,
        proctor_ids=_texts(plan.proctor_ids),
        learner_ids=_texts(learner_ids),
        identity_policy=_IDENTITY_POLICIES[plan.identity_policy],
    )
    event.start_time.FromDatetime(plan.start_time)
    event.duration.FromTimedelta(plan.duration)
    event.lobby_open_time.FromDatetime(session.lobby_open_time)
    return event


def cancelled(session: Session, person_ids: Iterable[UUID], role: Mover) -> events.SessionCancelled:
    """Build the event that a session was cancelled by a person in this role."""
    return events.SessionCancelled(
        session_id=str(session.session_id),
        person_ids=_texts(person_ids),
        acting_role=ROLE_NUMBERS[role],
    )


def lobby_opened(session: Session, role: Mover) -> events.SessionLobbyOpened:
    """Build the event that the lobby was opened, by a person in this role or by the clock."""
    return events.SessionLobbyOpened(
        session_id=str(session.session_id),
        acting_role=ROLE_NUMBERS.get(role, options_pb2.ROLE_UNSPECIFIED),
    )


def started(session: Session, by: Actor) -> events.SessionStarted:
    """Build the event that a session was started."""
    event = events.SessionStarted(
        session_id=str(session.session_id),
        course_id=str(session.plan.course_id),
        started_by=str(by.person_id),
        acting_role=ROLE_NUMBERS[by.role],
    )
    assert session.actual_start_time is not None
    event.start_time.FromDatetime(session.actual_start_time)
    return event


def ended(
    session: Session, participants: Sequence[Participant], absent_ids: Iterable[UUID], role: Mover
) -> events.SessionEnded:
    """Build the event that a session ended. Everybody who was in it attended, including those removed later."""
    event = events.SessionEnded(
        session_id=str(session.session_id),
        course_id=str(session.plan.course_id),
        ended_by=str(session.ended_by),
        acting_role=ROLE_NUMBERS[role],
    )
    assert session.end_time is not None
    event.end_time.FromDatetime(session.end_time)
    for participant in participants:
        event.attendances.add(
            participant_id=str(participant.participant_id),
            person_id=str(participant.person_id),
            attended=participant.entered_time is not None,
        )
    for person_id in absent_ids:
        event.attendances.add(person_id=str(person_id), attended=False)
    return event


def joined(session: Session, participant: Participant) -> events.ParticipantJoined:
    """A learner joined for the first time."""
    return events.ParticipantJoined(
        participant_id=str(participant.participant_id),
        session_id=str(session.session_id),
        person_id=str(participant.person_id),
        course_id=str(session.plan.course_id),
        assessment_ids=_texts(session.plan.assessment_ids),
        identity_required=session.plan.identity_policy.required,
    )


def ready(participant: Participant) -> events.ParticipantReady:
    """A learner has everything that the policy demands."""
    return events.ParticipantReady(
        participant_id=str(participant.participant_id),
        session_id=str(participant.session_id),
        person_id=str(participant.person_id),
    )


def assessment_authorized(
    participant: Participant, assessment_id: UUID, by: Actor
) -> events.ParticipantAssessmentAuthorized:
    """Build the event that an assessment was authorised for a learner."""
    return events.ParticipantAssessmentAuthorized(
        participant_id=str(participant.participant_id),
        session_id=str(participant.session_id),
        person_id=str(participant.person_id),
        assessment_id=str(assessment_id),
        authorized_by=str(by.person_id),
        acting_role=ROLE_NUMBERS[by.role],
    )


def removed(participant: Participant, by: Actor) -> events.ParticipantRemoved:
    """A learner was removed."""
    return events.ParticipantRemoved(
        participant_id=str(participant.participant_id),
        session_id=str(participant.session_id),
        person_id=str(participant.person_id),
        removed_by=str(by.person_id),
        acting_role=ROLE_NUMBERS[by.role],
    )


def completed(participant: Participant) -> events.ParticipantCompleted:
    """The session ended for a learner who took part."""
    return events.ParticipantCompleted(
        participant_id=str(participant.participant_id),
        session_id=str(participant.session_id),
        person_id=str(participant.person_id),
    )


def left(participant: Participant) -> events.ParticipantLeft:
    """Return the event that the session ended for a learner who was in it and started no assessment."""
    return events.ParticipantLeft(
        participant_id=str(participant.participant_id),
        session_id=str(participant.session_id),
        person_id=str(participant.person_id),
    )


def no_show(participant: Participant) -> events.ParticipantMissed:
    """The session ended for a learner who only waited."""
    return events.ParticipantMissed(
        participant_id=str(participant.participant_id),
        session_id=str(participant.session_id),
        person_id=str(participant.person_id),
    )


def connected(
    session_id: UUID, participant_id: UUID, person_id: UUID
) -> events.ParticipantConnected:
    """A learner's first device connected."""
    return events.ParticipantConnected(
        participant_id=str(participant_id), session_id=str(session_id), person_id=str(person_id)
    )


def disconnected(
    session_id: UUID, participant_id: UUID, person_id: UUID
) -> events.ParticipantDisconnected:
    """A learner's last device is gone."""
    return events.ParticipantDisconnected(
        participant_id=str(participant_id), session_id=str(session_id), person_id=str(person_id)
    )


def _texts(ids: Iterable[UUID]) -> list[str]:
    return [str(each) for each in ids]
