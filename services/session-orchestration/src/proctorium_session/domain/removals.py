"""The rules for removing and readmitting participants, and for ending the session for single participants."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from proctorium_common.errors import invalid_transition
from proctorium_session.domain.outcomes import NOT_IN_SESSION, ParticipantRefusal
from proctorium_session.domain.participant_states import (
    PARTICIPANT_STATES,
    ParticipantAction,
    ParticipantState,
)
from proctorium_session.domain.participants import Ending, ParticipantView, Removal, end_action
from proctorium_session.domain.session_states import SESSION_STATES, SessionState
from proctorium_session.domain.sessions import ActingRole, Actor, Session

_EXPIRED = ParticipantRefusal(
    "REOPENING_EXPIRED",
    "The time in which proctors can undo the end for this learner is over. Ask an administrator.",
)
_ENDED = ParticipantRefusal(
    "PARTICIPANT_ENDED", "The session was ended for this learner. Reload the roster."
)
_NOT_ADMITTED = ParticipantRefusal(
    NOT_IN_SESSION.reason,
    "This learner was not admitted to the session, so they cannot be removed from it.",
)


def require_readmission(session: Session) -> None:
    """Raise INVALID_STATE_TRANSITION unless the lobby is open or the session is in progress or closing."""
    if session.state is not SessionState.LOBBY_OPEN and not session.state.is_running:
        raise invalid_transition(
            "Learners can be readmitted only from the opening of the lobby until the end of the session.",
            from_state=session.state,
            action="readmit_participants",
            possible=SESSION_STATES.actions(session.state),
        )


def require_endable(session: Session) -> None:
    """Raise INVALID_STATE_TRANSITION unless the session is in progress or closing."""
    if not session.state.is_running:
        raise invalid_transition(
            "The session can be ended for single learners only while it is in progress.",
            from_state=session.state,
            action="end_for_participants",
            possible=SESSION_STATES.actions(session.state),
        )


def require_undoable(session: Session) -> None:
    """Raise INVALID_STATE_TRANSITION unless the session is in progress or closing."""
    if not session.state.is_running:
        raise invalid_transition(
            "The end for single learners can be undone only while the session is in progress. "
            "If the session has ended, reopen it first.",
            from_state=session.state,
            action="undo_end_for_participants",
            possible=SESSION_STATES.actions(session.state),
        )


def removal_refusal(view: ParticipantView) -> ParticipantRefusal | None:
    """Return the reason why a participant cannot be removed, or None if a removal is possible.

    The removal of a removed participant is allowed and changes nothing.
    """
    state = view.participant.state
    if state in {ParticipantState.AWAITING_APPROVAL, ParticipantState.DENIED}:
        return _NOT_ADMITTED
    is_removed = state is ParticipantState.REMOVED
    is_possible = is_removed or PARTICIPANT_STATES.allows(state, ParticipantAction.REMOVE)
    return None if is_possible else _ENDED


def after_removal(view: ParticipantView, session: Session, removal: Removal) -> ParticipantView:
    """Return the participant after a removal."""
    participant = view.participant
    target = PARTICIPANT_STATES.target(participant.state, ParticipantAction.REMOVE)
    assert target is not None, "the participant is not removed yet"
    return replace(
        view,
        participant=replace(
            participant,
            state=target,
            removal=removal,
            hand=None,
            revision=session.next_revision,
        ),
    )


def readmission_refusal(view: ParticipantView) -> ParticipantRefusal | None:
    """Return the reason why a participant cannot be readmitted, or None if a readmission is possible.

    The readmission of a participant who is not removed is allowed and changes nothing, unless the session is over for
    them.
    """
    participant = view.participant
    is_over = participant.state in {
        ParticipantState.COMPLETED,
        ParticipantState.LEFT,
        ParticipantState.NO_SHOW,
    }
    return _ENDED if is_over or participant.ending is not None else None


def readmitted_state(session: Session) -> ParticipantState:
    """Return the state of a removed participant after a readmission."""
    action = (
        ParticipantAction.READMIT_TO_LOBBY
        if session.state is SessionState.LOBBY_OPEN
        else ParticipantAction.READMIT
    )
    target = PARTICIPANT_STATES.target(ParticipantState.REMOVED, action)
    assert target is not None, "a removed participant can be readmitted"
    return target


def ending_refusal(view: ParticipantView) -> ParticipantRefusal | None:
    """Return the reason why the session cannot be ended for a participant, or None if it can be ended.

    The session can be ended for a participant who is In Session or removed. A repeated end is allowed and changes
    nothing.
    """
    participant = view.participant
    if participant.ending is not None:
        return None
    if participant.state in {ParticipantState.IN_SESSION, ParticipantState.REMOVED}:
        return None
    return NOT_IN_SESSION


def undo_refusal(
    session: Session, ending: Ending, actor: Actor, now: datetime
) -> ParticipantRefusal | None:
    """Return the reason why the end for a participant cannot be undone, or None if it can be undone.

    Proctors can undo it during the reopening window of the plan.
    """
    is_over = now >= ending.ended_at + session.plan.reopen_window
    return _EXPIRED if actor.role is ActingRole.PROCTOR and is_over else None


def after_undo(view: ParticipantView, session: Session) -> ParticipantView:
    """Return the participant after the end for them was undone. A removed participant stays removed."""
    participant = view.participant
    state = participant.state
    if state is not ParticipantState.REMOVED:
        state = PARTICIPANT_STATES.target(state, ParticipantAction.CONTINUE) or state
    return replace(
        view,
        participant=replace(participant, state=state, ending=None, revision=session.next_revision),
    )


def after_ending(view: ParticipantView, session: Session, ending: Ending) -> ParticipantView:
    """Return the participant after the session was ended for them. A removed participant stays removed."""
    participant = view.participant
    state, action = participant.state, end_action(view, session)
    if action is not None:
        state = PARTICIPANT_STATES.target(participant.state, action) or state
    return replace(
        view,
        participant=replace(
            participant, state=state, ending=ending, hand=None, revision=session.next_revision
        ),
    )
