"""The rules for identity checks that proctors request."""

from __future__ import annotations

from proctorium_common.errors import invalid_transition
from proctorium_session.domain.identity import IdentityState
from proctorium_session.domain.outcomes import ParticipantRefusal
from proctorium_session.domain.participant_states import ParticipantState
from proctorium_session.domain.participants import ParticipantView
from proctorium_session.domain.session_states import SESSION_STATES, SessionState
from proctorium_session.domain.sessions import Session

_NOT_PRESENT = ParticipantRefusal(
    "PARTICIPANT_NOT_IN_SESSION",
    "This learner neither waits in the lobby nor is In Session. Reload the roster.",
)
_ALREADY_DECIDED = ParticipantRefusal(
    "IDENTITY_ALREADY_DECIDED",
    "The identity of this learner was already checked. "
    "If it was verified, you can check it again with new photos.",
)


def require_checkable(session: Session) -> None:
    """Raise INVALID_STATE_TRANSITION unless the lobby is open or the session is in progress or closing."""
    if session.state is not SessionState.LOBBY_OPEN and not session.state.is_running:
        raise invalid_transition(
            "Identity checks can be requested only from the opening of the lobby until the end of the session.",
            from_state=session.state,
            action="request_identity_check",
            possible=SESSION_STATES.actions(session.state),
        )


def check_refusal(view: ParticipantView) -> ParticipantRefusal | None:
    """Return the reason why no identity check can be requested from a participant, or None if it can be requested."""
    participant = view.participant
    if participant.state not in {ParticipantState.WAITING, ParticipantState.IN_SESSION}:
        return _NOT_PRESENT
    if participant.identity in {IdentityState.VERIFIED, IdentityState.REJECTED}:
        return _ALREADY_DECIDED
    return None
