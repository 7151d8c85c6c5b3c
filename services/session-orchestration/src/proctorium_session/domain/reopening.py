"""The rules for reopening a session that has ended."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from proctorium_session.domain.errors import failed_precondition
from proctorium_session.domain.participant_states import (
    PARTICIPANT_STATES,
    ParticipantAction,
    ParticipantState,
)
from proctorium_session.domain.participants import Participant, ParticipantView
from proctorium_session.domain.progress import ProgressState
from proctorium_session.domain.sessions import ActingRole, Actor, Session


def require_reopenable(
    session: Session, views: Iterable[ParticipantView], actor: Actor, now: datetime
) -> None:
    """Raise an error unless the actor may reopen the session, which has ended, at the time `now`.

    Raises REOPENING_EXPIRED, RESULT_RELEASED.
    """
    until = session.reopen_until
    if actor.role is ActingRole.PROCTOR and (until is None or now >= until):
        raise failed_precondition(
            "REOPENING_EXPIRED",
            "The time in which proctors can reopen this session is over. "
            "Ask an administrator, who can reopen it while none of its results is released.",
        )
    if any(
        progress.state is ProgressState.RELEASED
        for view in views
        for progress in view.assessments.values()
    ):
        raise failed_precondition(
            "RESULT_RELEASED",
            "A result of this session is released already, so the session cannot be reopened. Plan a new session.",
        )


def continued_state(participant: Participant) -> ParticipantState | None:
    """Return the state of a participant after the reopening of the session, or None if the state does not change.

    The state changes back if the end of the session changed it. The state of a learner for whom the session was ended
    earlier, or who is removed, does not change.
    """
    match participant.state:
        case ParticipantState.COMPLETED | ParticipantState.LEFT if participant.ending is None:
            action = ParticipantAction.CONTINUE
        case ParticipantState.NO_SHOW if participant.denial_reason:
            action = ParticipantAction.DENY_AGAIN
        case ParticipantState.NO_SHOW:
            action = ParticipantAction.AWAIT_AGAIN
        case _:
            return None
    return PARTICIPANT_STATES.target(participant.state, action)
