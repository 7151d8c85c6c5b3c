"""The events about participants."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TypedDict
from uuid import UUID

from proctorium.session.events.v1 import events_pb2 as pb
from proctorium_common.messages import to_timestamp
from proctorium_common.rpc.access import ROLE_NUMBERS
from proctorium_session.domain.extra_time import ExtraTimeGrant
from proctorium_session.domain.outages import Outage, ReturnRequest
from proctorium_session.domain.participant_states import ParticipantState
from proctorium_session.domain.participants import Ending, Participant, Removal
from proctorium_session.domain.sessions import Actor, Pause, Session
from proctorium_session.events.fields import id_texts


class _Ids(TypedDict):
    participant_id: str
    session_id: str
    person_id: str


def _ids(participant: Participant) -> _Ids:
    return {
        "participant_id": str(participant.participant_id),
        "session_id": str(participant.session_id),
        "person_id": str(participant.person_id),
    }


def participant_joined(session: Session, participant: Participant) -> pb.ParticipantJoined:
    """Return the event which reports that a learner joined for the first time."""
    return pb.ParticipantJoined(
        **_ids(participant),
        course_id=str(session.plan.course_id),
        assessment_ids=id_texts(session.plan.assessment_ids),
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
    participant: Participant, actor: Actor, requested_at: datetime
) -> pb.ParticipantIdentityCheckRequested:
    """Return the event which reports that `actor` requested an identity check of a learner."""
    return pb.ParticipantIdentityCheckRequested(
        **_ids(participant),
        requested_by=str(actor.person_id),
        acting_role=ROLE_NUMBERS[actor.role],
        request_time=to_timestamp(requested_at),
    )


def participant_admitted(
    session: Session, participant: Participant, actor: Actor, admitted_at: datetime
) -> pb.ParticipantAdmitted:
    """Return the event which reports that `actor` admitted a learner who waited for approval or had been denied."""
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
