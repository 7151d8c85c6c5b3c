"""The states of a participant and the transitions between them (`S5`)."""

from __future__ import annotations

from enum import StrEnum

from proctorium_common.states import StateMachine, Transition


class ParticipantState(StrEnum):
    """The states of a participant."""

    AWAITING_APPROVAL = "awaiting_approval"
    DENIED = "denied"
    WAITING = "waiting"
    IN_SESSION = "in_session"
    COMPLETED = "completed"
    REMOVED = "removed"
    NO_SHOW = "no_show"
    LEFT = "left"


class ParticipantAction(StrEnum):
    """The actions that change the state of a participant."""

    ADMIT = "admit"
    APPROVE = "approve"
    DENY = "deny"
    COMPLETE = "complete"
    LEAVE = "leave"
    MISS = "miss"
    REMOVE = "remove"
    READMIT = "readmit"
    READMIT_TO_LOBBY = "readmit_to_lobby"
    CONTINUE = "continue"
    AWAIT_AGAIN = "await_again"
    DENY_AGAIN = "deny_again"


_OVER = "The session is over for this learner, so this cannot be done any more."

PARTICIPANT_STATES: StateMachine[ParticipantState, ParticipantAction] = StateMachine(
    "participant",
    ParticipantState,
    {
        ParticipantState.AWAITING_APPROVAL,
        ParticipantState.WAITING,
        ParticipantState.IN_SESSION,
    },
    (
        Transition(
            ParticipantAction.ADMIT,
            frozenset({ParticipantState.WAITING}),
            ParticipantState.IN_SESSION,
            frozenset({"system"}),
            "The session was started.",
        ),
        Transition(
            ParticipantAction.APPROVE,
            frozenset({ParticipantState.AWAITING_APPROVAL, ParticipantState.DENIED}),
            ParticipantState.IN_SESSION,
            frozenset({"proctor", "administrator"}),
            "The learner enters after the start of the session.",
        ),
        Transition(
            ParticipantAction.DENY,
            frozenset({ParticipantState.AWAITING_APPROVAL}),
            ParticipantState.DENIED,
            frozenset({"proctor", "administrator"}),
            "The learner reads the reason, keeps the seat, and can be admitted later.",
        ),
        Transition(
            ParticipantAction.COMPLETE,
            # A participant changes from LEFT to COMPLETED if an event about the start of their attempt arrives after
            # the session ended.
            frozenset({ParticipantState.IN_SESSION, ParticipantState.LEFT}),
            ParticipantState.COMPLETED,
            frozenset({"proctor", "administrator", "system"}),
            "The session ended, or was ended for the learner, and the learner had started an assessment, or the session has none.",
        ),
        Transition(
            ParticipantAction.LEAVE,
            frozenset({ParticipantState.IN_SESSION}),
            ParticipantState.LEFT,
            frozenset({"proctor", "administrator", "system"}),
            "The session ended, or was ended for the learner, and no start of an assessment is known.",
        ),
        Transition(
            ParticipantAction.MISS,
            frozenset(
                {
                    ParticipantState.AWAITING_APPROVAL,
                    ParticipantState.DENIED,
                    ParticipantState.WAITING,
                }
            ),
            ParticipantState.NO_SHOW,
            frozenset({"system"}),
            "The session ended, and the learner was never In Session.",
        ),
        Transition(
            ParticipantAction.REMOVE,
            frozenset({ParticipantState.WAITING, ParticipantState.IN_SESSION}),
            ParticipantState.REMOVED,
            frozenset({"proctor", "administrator"}),
            "The learner reads the reason. The clocks are stopped, and the questions are hidden.",
        ),
        Transition(
            ParticipantAction.READMIT,
            frozenset({ParticipantState.REMOVED}),
            ParticipantState.IN_SESSION,
            frozenset({"proctor", "administrator"}),
            "The clocks run again, unless a pause is open. The session is in progress.",
        ),
        Transition(
            ParticipantAction.READMIT_TO_LOBBY,
            frozenset({ParticipantState.REMOVED}),
            ParticipantState.WAITING,
            frozenset({"proctor", "administrator"}),
            "The learner waits again. The session has not started.",
        ),
        Transition(
            ParticipantAction.CONTINUE,
            frozenset({ParticipantState.COMPLETED, ParticipantState.LEFT}),
            ParticipantState.IN_SESSION,
            frozenset({"proctor", "administrator"}),
            "The session was reopened, or its end for the learner was undone. The clocks were stopped in the meantime.",
        ),
        Transition(
            ParticipantAction.AWAIT_AGAIN,
            frozenset({ParticipantState.NO_SHOW}),
            ParticipantState.AWAITING_APPROVAL,
            frozenset({"proctor", "administrator"}),
            "The session was reopened, and the learner had waited for approval.",
        ),
        Transition(
            ParticipantAction.DENY_AGAIN,
            frozenset({ParticipantState.NO_SHOW}),
            ParticipantState.DENIED,
            frozenset({"proctor", "administrator"}),
            "The session was reopened, and the late entry of the learner had been denied.",
        ),
    ),
    {
        ParticipantState.AWAITING_APPROVAL: "The learner waits for a decision about the late entry.",
        ParticipantState.DENIED: "The late entry of the learner was denied.",
        ParticipantState.WAITING: "The learner waits in the lobby.",
        ParticipantState.IN_SESSION: "The learner is In Session.",
        ParticipantState.COMPLETED: _OVER,
        ParticipantState.REMOVED: "The learner was removed from the session.",
        ParticipantState.NO_SHOW: _OVER,
        ParticipantState.LEFT: _OVER,
    },
)
"""The state machine of participants. A trigger on the table `participants` allows the same transitions."""
