"""Whom an assessment can be authorised for (`S11`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from proctorium_common.errors import ServiceError, invalid_transition
from proctorium_session.domain.identity import IdentityPolicy, IdentityState, is_ready
from proctorium_session.domain.participant_states import ParticipantState
from proctorium_session.domain.participants import Participant, Standing
from proctorium_session.domain.progress import ProgressState
from proctorium_session.domain.refusals import refused
from proctorium_session.domain.session_states import SessionState, possible_moves
from proctorium_session.domain.sessions import Session


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A participant who cannot be authorised, and the reason."""

    participant_id: UUID
    reason: str


@dataclass(frozen=True, slots=True)
class Decision:
    """Who is authorised now, who was before and has not begun, and who cannot be. Who has begun is none of them."""

    fresh: tuple[Standing, ...]
    before: tuple[Standing, ...]
    left_out: tuple[LeftOut, ...]


def check_assessment(session: Session, assessment_id: UUID) -> None:
    """Raises INVALID_STATE_TRANSITION unless the session is in progress, ASSESSMENT_NOT_IN_SESSION unless it has the assessment."""
    if session.state is not SessionState.IN_PROGRESS:
        raise invalid_transition(
            "An assessment can only be authorised while the session is in progress.",
            from_state=session.state,
            asked="authorize_assessment",
            possible=possible_moves(session.state),
        )
    if assessment_id not in session.plan.assessment_ids:
        raise refused(
            "ASSESSMENT_NOT_IN_SESSION",
            "This assessment is not part of the session. Choose one of the session's assessments.",
            assessment_id=str(assessment_id),
        )


def reason_against(participant: Participant, policy: IdentityPolicy) -> str | None:
    """Why the participant may not begin an assessment: PARTICIPANT_NOT_IN_SESSION, IDENTITY_NOT_VERIFIED, or nothing."""
    if participant.state is not ParticipantState.IN_SESSION:
        return "PARTICIPANT_NOT_IN_SESSION"
    return None if is_ready(policy, participant.identity) else "IDENTITY_NOT_VERIFIED"


def decide(standings: Iterable[Standing], assessment_id: UUID, policy: IdentityPolicy) -> Decision:
    """Sorts the participants into those who can be authorised and those who cannot."""
    fresh: list[Standing] = []
    before: list[Standing] = []
    left_out: list[LeftOut] = []
    for standing in standings:
        reason = reason_against(standing.participant, policy)
        if reason is not None:
            left_out.append(LeftOut(standing.participant.participant_id, reason))
            continue
        match standing.progress(assessment_id).state:
            case ProgressState.AWAITING_AUTHORIZATION:
                fresh.append(standing)
            case ProgressState.AUTHORIZED:
                before.append(standing)
    return Decision(tuple(fresh), tuple(before), tuple(left_out))


_NEXT_STEPS: Mapping[IdentityState, str] = {
    IdentityState.NOT_REQUIRED: "Their identity check has not been opened yet. Try again in a moment.",
    IdentityState.REQUESTED: "They have not sent their photos yet. Ask them to send them from their session's page.",
    IdentityState.SUBMITTED: "Their photos wait for you. Decide their identity check, then try again.",
    IdentityState.VERIFIED: "Reload the roster and try again.",
    IdentityState.REJECTED: "Their identity check was rejected, so the assessment stays closed for them in this session.",
    IdentityState.RESUBMISSION_REQUESTED: "They were asked for new photos and have not sent them yet.",
}
"""What has to happen before a learner can be authorised, by how far their identity check is."""


def refusal(participant_id: UUID, standing: Standing | None, reason: str) -> ServiceError:
    """Why one named participant stops the whole request; None is somebody whom the session does not have."""
    if reason == "IDENTITY_NOT_VERIFIED" and standing is not None:
        return refused(
            "IDENTITY_NOT_VERIFIED",
            f"The identity of a learner is not verified. {_NEXT_STEPS[standing.participant.identity]}",
            participant_id=str(participant_id),
        )
    return refused(
        "PARTICIPANT_NOT_IN_SESSION",
        "A learner you named is not In Session. Reload the roster and choose again.",
        participant_id=str(participant_id),
        state=standing.participant.state if standing else "",
    )
