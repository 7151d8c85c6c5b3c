"""The rules for extra time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from proctorium_common.errors import invalid_transition
from proctorium_session.domain.outcomes import ParticipantRefusal
from proctorium_session.domain.participant_states import ParticipantState
from proctorium_session.domain.participants import ParticipantView
from proctorium_session.domain.session_states import SESSION_STATES, SessionState
from proctorium_session.domain.sessions import Actor, Session

MAX_EXTRA_TIME = timedelta(hours=24)
"""The maximum sum of the extra time of a participant."""

_PRESENT_STATES = frozenset(
    {ParticipantState.AWAITING_APPROVAL, ParticipantState.WAITING, ParticipantState.IN_SESSION}
)


@dataclass(frozen=True, slots=True)
class ExtraTimeGrant:
    """Extra time that `actor` grants to a participant. A negative amount takes extra time back."""

    grant_id: UUID
    session_id: UUID
    participant_id: UUID
    amount: timedelta
    reason: str
    granted_at: datetime
    actor: Actor


def require_open_for_extra_time(session: Session) -> None:
    """Raise INVALID_STATE_TRANSITION unless the lobby is open or the session is in progress or closing."""
    if session.state is not SessionState.LOBBY_OPEN and not session.state.is_running:
        raise invalid_transition(
            "Extra time can be granted only from the opening of the lobby until the end of the session.",
            from_state=session.state,
            action="grant_extra_time",
            possible=SESSION_STATES.actions(session.state),
        )


def is_present(view: ParticipantView) -> bool:
    """Return whether the session is not over for the participant."""
    return view.participant.state in _PRESENT_STATES


def extra_time_refusal(view: ParticipantView, amount: timedelta) -> ParticipantRefusal | None:
    """Return the reason why the extra time of a participant cannot change, or None if the change is possible."""
    if not is_present(view):
        return ParticipantRefusal(
            "PARTICIPANT_NOT_IN_SESSION",
            "The session is over for this learner, so extra time changes nothing any more.",
        )
    total = view.participant.extra_time + amount
    if total < timedelta():
        return ParticipantRefusal(
            "EXTRA_TIME_NOT_GRANTED",
            "This learner has less extra time than you would take back. Take back a smaller amount.",
        )
    if total > MAX_EXTRA_TIME:
        return ParticipantRefusal(
            "EXTRA_TIME_LIMIT_REACHED",
            "This learner would have more than 24 hours of extra time. Grant a smaller amount.",
        )
    return None
