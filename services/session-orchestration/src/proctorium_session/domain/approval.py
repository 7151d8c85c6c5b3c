"""The rules for admitting and denying learners who joined late (`S1`, `S5`) or returned from an outage (`A7`)."""

from __future__ import annotations

from proctorium_common.errors import invalid_transition
from proctorium_session.domain.closing import session_closing
from proctorium_session.domain.outcomes import ParticipantRefusal
from proctorium_session.domain.participant_states import (
    PARTICIPANT_STATES,
    ParticipantAction,
    ParticipantState,
)
from proctorium_session.domain.session_states import SESSION_STATES, SessionState
from proctorium_session.domain.sessions import Session

NOT_AWAITING_APPROVAL = ParticipantRefusal(
    "PARTICIPANT_NOT_AWAITING_APPROVAL",
    "This learner does not wait for approval. Reload the roster.",
)
"""The refusal for a participant who can be neither admitted nor denied."""


def require_approvable(session: Session, action: ParticipantAction) -> None:
    """Raise SESSION_CLOSING or INVALID_STATE_TRANSITION unless the session is in progress.

    `action` is APPROVE or DENY.
    """
    if session.state is SessionState.CLOSING:
        raise session_closing(session)
    if session.state is not SessionState.IN_PROGRESS:
        raise invalid_transition(
            "Learners can be admitted and denied only while the session is in progress.",
            from_state=session.state,
            action=action,
            possible=SESSION_STATES.actions(session.state),
        )


CLOSING = ParticipantRefusal(
    "SESSION_CLOSING",
    "The session is about to end, so late entries are no longer decided. If the closing is cancelled, try again.",
)
"""The refusal for a late entry while the session is closing."""


def approval_target(
    state: ParticipantState, action: ParticipantAction
) -> ParticipantState | ParticipantRefusal:
    """Return the state of a participant after the action, or the refusal.

    The state does not change if the action repeats an earlier one.
    """
    if PARTICIPANT_STATES.allows(state, action) or state is _REPEATED[action]:
        return _REPEATED[action]
    return NOT_AWAITING_APPROVAL


_REPEATED = {
    ParticipantAction.APPROVE: ParticipantState.IN_SESSION,
    ParticipantAction.DENY: ParticipantState.DENIED,
}
"""The state after each action. If a participant is already in this state, the action changes nothing."""
