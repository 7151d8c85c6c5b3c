"""Hands that learners raise to ask for a proctor (`S9`): kinds, states, and the rules for raising a hand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from proctorium_common.errors import ServiceError, not_found
from proctorium_common.states import StateMachine, Transition
from proctorium_session.domain.errors import failed_precondition, not_your_session
from proctorium_session.domain.pace import Pace
from proctorium_session.domain.participant_states import ParticipantState
from proctorium_session.domain.session_states import SessionState

HAND_PACE = Pace(
    10,
    timedelta(minutes=1),
    "TOO_MANY_HANDS",
    "You have raised your hand many times. Wait a minute, then raise it again.",
)
"""The pace in which a learner may raise a hand."""


class HandKind(StrEnum):
    """The reasons for which a learner raises a hand."""

    HELP = "help"
    TECHNICAL = "technical"
    BREAK = "break"
    OTHER = "other"


class HandState(StrEnum):
    """The states of a hand."""

    RAISED = "raised"
    ANSWERED = "answered"
    LOWERED = "lowered"


class HandAction(StrEnum):
    """The actions that change the state of a hand."""

    ANSWER = "answer"
    LOWER = "lower"


HAND_STATES: StateMachine[HandState, HandAction] = StateMachine(
    "hand",
    HandState,
    {HandState.RAISED},
    (
        Transition(
            HandAction.ANSWER,
            frozenset({HandState.RAISED}),
            HandState.ANSWERED,
            frozenset({"proctor", "administrator"}),
            "The proctor attends to the learner.",
        ),
        Transition(
            HandAction.LOWER,
            frozenset({HandState.RAISED}),
            HandState.LOWERED,
            frozenset({"learner", "proctor", "administrator", "system"}),
            "The learner no longer waits. The system lowers a hand when the session is over for the learner.",
        ),
    ),
    {
        HandState.RAISED: "The hand is raised. It can be answered or lowered.",
        HandState.ANSWERED: "This hand was already answered, so it cannot be lowered.",
        HandState.LOWERED: "This hand was already lowered. Write to the learner instead.",
    },
)
"""The state machine of hands. A trigger on the table `hands` allows the same transitions."""


@dataclass(frozen=True, slots=True)
class Hand:
    """A hand of a participant. `closed_at` is the time at which the hand was answered or lowered."""

    hand_id: UUID
    session_id: UUID
    participant_id: UUID
    kind: HandKind
    state: HandState
    raised_at: datetime
    closed_at: datetime | None = None


_OVER_STATES = frozenset({ParticipantState.COMPLETED, ParticipantState.LEFT})
"""The states of a participant for whom the session was ended, although it continues for others."""


def require_raisable(
    session_state: SessionState, state: ParticipantState, raised: Hand | None
) -> None:
    """Raise an error if no hand can be raised.

    The errors are SESSION_ENDED, SESSION_CANCELLED, PARTICIPANT_REMOVED, PARTICIPANT_ENDED, PARTICIPANT_NOT_IN_SESSION
    and HAND_ALREADY_RAISED.
    """
    if session_state is SessionState.CANCELLED:
        raise failed_precondition("SESSION_CANCELLED", "The session was cancelled.")
    if session_state is SessionState.ENDED:
        raise failed_precondition(
            "SESSION_ENDED", "This session is over. If you have questions, ask your administrator."
        )
    if state is ParticipantState.REMOVED:
        raise failed_precondition(
            "PARTICIPANT_REMOVED",
            "You were removed from this session. If you have questions, ask your administrator.",
        )
    if state in {ParticipantState.AWAITING_APPROVAL, ParticipantState.DENIED}:
        raise failed_precondition(
            "PARTICIPANT_NOT_IN_SESSION",
            "You are not in the session yet. The proctors see that you wait; write a message if it is urgent.",
        )
    if state in _OVER_STATES:
        raise failed_precondition(
            "PARTICIPANT_ENDED",
            "The session was ended for you. If you have questions, write a message to your proctors.",
        )
    if raised is not None:
        raise failed_precondition(
            "HAND_ALREADY_RAISED",
            "Your hand is already raised. Lower it first to raise it for another reason.",
            hand_id=str(raised.hand_id),
            kind=raised.kind.value,
        )


def no_hand(*, supervises: bool) -> ServiceError:
    """Return the error for an unknown hand. A proctor receives the same error for a hand of another session."""
    if supervises:
        return not_your_session()
    return not_found("NOT_FOUND", "There is no such hand. Reload the page.")
