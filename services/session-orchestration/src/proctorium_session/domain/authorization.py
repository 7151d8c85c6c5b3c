"""The rules for authorising an assessment for participants (`S11`)."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from proctorium_common.errors import invalid_transition
from proctorium_session.domain.closing import session_closing
from proctorium_session.domain.errors import failed_precondition
from proctorium_session.domain.identity import IdentityState, is_ready
from proctorium_session.domain.outcomes import NOT_IN_SESSION, ParticipantRefusal
from proctorium_session.domain.participant_states import ParticipantState
from proctorium_session.domain.participants import ParticipantView
from proctorium_session.domain.session_states import SESSION_STATES, SessionState
from proctorium_session.domain.sessions import Session

ATTEMPT_ALREADY_STARTED = ParticipantRefusal(
    "ATTEMPT_ALREADY_STARTED",
    "This learner has already started, so the authorisation stays. Pause the learner if they must stop.",
)
"""The refusal of a withdrawal from a participant who has started the attempt."""

_SENTENCES = {
    "authorize_assessment": "An assessment can only be authorised while the session is in progress.",
    "withdraw_authorization": "An authorisation can only be withdrawn while the session is in progress.",
}


def require_authorizable(
    session: Session, assessment_id: UUID, action: str = "authorize_assessment"
) -> None:
    """Raise an error if the authorisation of the assessment cannot change for any participant of the session.

    Raises SESSION_CLOSING if the session is closing, INVALID_STATE_TRANSITION unless the session is in progress, and
    ASSESSMENT_NOT_IN_SESSION unless the session contains the assessment.
    """
    if session.state is SessionState.CLOSING:
        raise session_closing(session)
    if session.state is not SessionState.IN_PROGRESS:
        raise invalid_transition(
            _SENTENCES[action],
            from_state=session.state,
            action=action,
            possible=SESSION_STATES.actions(session.state),
        )
    if assessment_id not in session.plan.assessment_ids:
        raise failed_precondition(
            "ASSESSMENT_NOT_IN_SESSION",
            "This assessment is not part of the session. Choose one of the session's assessments.",
            assessment_id=str(assessment_id),
        )


def withdrawal_refusal(view: ParticipantView, assessment_id: UUID) -> ParticipantRefusal | None:
    """Return the reason why an authorisation cannot be withdrawn from a participant, or None if there is no reason."""
    if view.participant.state is not ParticipantState.IN_SESSION:
        return NOT_IN_SESSION
    if view.progress(assessment_id).state.is_started:
        return ATTEMPT_ALREADY_STARTED
    return None


def authorization_refusal(session: Session, view: ParticipantView) -> ParticipantRefusal | None:
    """Return the reason why a participant cannot be authorised for an assessment, or None if there is no reason."""
    participant = view.participant
    if participant.state is not ParticipantState.IN_SESSION:
        return NOT_IN_SESSION
    if not is_ready(session.plan.identity_policy, participant.identity):
        return ParticipantRefusal(
            "IDENTITY_NOT_VERIFIED",
            f"The identity of this learner is not verified. {_NEXT_STEPS[participant.identity]}",
        )
    return None


_NEXT_STEPS: Mapping[IdentityState, str] = {
    IdentityState.NOT_REQUIRED: "Their identity check has not been opened yet. Try again in a moment.",
    IdentityState.REQUESTED: "They have not sent their photos yet. Ask them to send them from their session's page.",
    IdentityState.SUBMITTED: "Their photos wait for your decision. Decide their identity check, then try again.",
    IdentityState.VERIFIED: "Reload the roster and try again.",
    IdentityState.REJECTED: "Their identity check was rejected, so the assessment stays closed for them in this session.",
    IdentityState.RESUBMISSION_REQUESTED: "They were asked for new photos and have not sent them yet.",
}
"""The next step that a learner needs before an authorisation, by the state of the identity verification."""
