"""The rules for pausing participants and sessions."""

from __future__ import annotations

from proctorium_common.errors import invalid_transition
from proctorium_session.domain.outcomes import NOT_IN_SESSION, ParticipantRefusal
from proctorium_session.domain.participant_states import ParticipantState
from proctorium_session.domain.participants import ParticipantView
from proctorium_session.domain.session_states import SESSION_STATES
from proctorium_session.domain.sessions import Session


def require_pausable(session: Session, action: str) -> None:
    """Raise INVALID_STATE_TRANSITION unless the session is in progress or closing. `action` is "pause" or "resume"."""
    if not session.state.is_running:
        raise invalid_transition(
            "Learners can be paused and resumed only while the session is in progress.",
            from_state=session.state,
            action=action,
            possible=SESSION_STATES.actions(session.state),
        )


def pause_refusal(view: ParticipantView) -> ParticipantRefusal | None:
    """Return the reason why a participant cannot be paused, or None if a pause is possible."""
    if view.participant.state is not ParticipantState.IN_SESSION:
        return NOT_IN_SESSION
    return None
