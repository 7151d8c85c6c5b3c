"""The participants for whom an assessment can be authorised (`S11`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from proctorium_common.errors import ServiceError, invalid_transition
from proctorium_session.domain.errors import failed_precondition
from proctorium_session.domain.identity import IdentityPolicy, IdentityState, is_ready
from proctorium_session.domain.participant_states import ParticipantState
from proctorium_session.domain.participants import Participant, ParticipantView
from proctorium_session.domain.progress import ProgressState
from proctorium_session.domain.session_states import SESSION_STATES, SessionState
from proctorium_session.domain.sessions import Session


@dataclass(frozen=True, slots=True)
class NotAuthorized:
    """A participant who cannot be authorised, and the reason."""

    participant_id: UUID
    reason: str


@dataclass(frozen=True, slots=True)
class Authorization:
    """The participants to authorise, those who are authorised and have not started, and those who cannot be authorised.

    Participants who have started the assessment are in none of the three.
    """

    to_authorize: tuple[ParticipantView, ...]
    authorized: tuple[ParticipantView, ...]
    not_authorized: tuple[NotAuthorized, ...]


def require_authorizable(session: Session, assessment_id: UUID) -> None:
    """Raise INVALID_STATE_TRANSITION unless the session is in progress, ASSESSMENT_NOT_IN_SESSION if it lacks it."""
    if session.state is not SessionState.IN_PROGRESS:
        raise invalid_transition(
            "An assessment can only be authorised while the session is in progress.",
            from_state=session.state,
            action="authorize_assessment",
            possible=SESSION_STATES.actions(session.state),
        )
    if assessment_id not in session.plan.assessment_ids:
        raise failed_precondition(
            "ASSESSMENT_NOT_IN_SESSION",
            "This assessment is not part of the session. Choose one of the session's assessments.",
            assessment_id=str(assessment_id),
        )


def _obstacle(participant: Participant, policy: IdentityPolicy) -> str | None:
    """Return the reason why the participant may not start an assessment, or None."""
    if participant.state is not ParticipantState.IN_SESSION:
        return "PARTICIPANT_NOT_IN_SESSION"
    return None if is_ready(policy, participant.identity) else "IDENTITY_NOT_VERIFIED"


def authorization_of(
    views: Iterable[ParticipantView], assessment_id: UUID, policy: IdentityPolicy
) -> Authorization:
    """Return which of the participants can be authorised."""
    to_authorize: list[ParticipantView] = []
    authorized: list[ParticipantView] = []
    not_authorized: list[NotAuthorized] = []
    for view in views:
        reason = _obstacle(view.participant, policy)
        if reason is not None:
            not_authorized.append(NotAuthorized(view.participant.participant_id, reason))
            continue
        match view.progress(assessment_id).state:
            case ProgressState.AWAITING_AUTHORIZATION:
                to_authorize.append(view)
            case ProgressState.AUTHORIZED:
                authorized.append(view)
    return Authorization(tuple(to_authorize), tuple(authorized), tuple(not_authorized))


_NEXT_STEPS: Mapping[IdentityState, str] = {
    IdentityState.NOT_REQUIRED: "Their identity check has not been opened yet. Try again in a moment.",
    IdentityState.REQUESTED: "They have not sent their photos yet. Ask them to send them from their session's page.",
    IdentityState.SUBMITTED: "Their photos wait for your decision. Decide their identity check, then try again.",
    IdentityState.VERIFIED: "Reload the roster and try again.",
    IdentityState.REJECTED: "Their identity check was rejected, so the assessment stays closed for them in this session.",
    IdentityState.RESUBMISSION_REQUESTED: "They were asked for new photos and have not sent them yet.",
}
"""What has to happen before a learner can be authorised, by the state of their identity verification."""


def cannot_authorize(
    participant_id: UUID, view: ParticipantView | None, reason: str
) -> ServiceError:
    """Return the error for a participant who cannot be authorised; `view` is None for one of another session."""
    if reason == "IDENTITY_NOT_VERIFIED" and view is not None:
        return failed_precondition(
            "IDENTITY_NOT_VERIFIED",
            f"The identity of a learner is not verified. {_NEXT_STEPS[view.participant.identity]}",
            participant_id=str(participant_id),
        )
    return failed_precondition(
        "PARTICIPANT_NOT_IN_SESSION",
        "A learner you named is not In Session. Reload the roster and choose again.",
        participant_id=str(participant_id),
        state=view.participant.state if view else "",
    )
