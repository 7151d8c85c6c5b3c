"""The states of a participant and the transitions between them (`S5`)."""

from __future__ import annotations

from enum import StrEnum

from proctorium_common.states import StateMachine, Transition


class ParticipantState(StrEnum):
    """The states of a participant."""

    WAITING = "waiting"
    IN_SESSION = "in_session"
    COMPLETED = "completed"
    REMOVED = "removed"
    NO_SHOW = "no_show"
    LEFT = "left"


class ParticipantAction(StrEnum):
    """The actions that change the state of a participant."""

    ADMIT = "admit"
    COMPLETE = "complete"
    LEAVE = "leave"
    MISS = "miss"
    REMOVE = "remove"


_OVER = "The session is over for this learner, so this cannot be done any more."

PARTICIPANT_STATES: StateMachine[ParticipantState, ParticipantAction] = StateMachine(
    "participant",
    ParticipantState,
    {ParticipantState.WAITING, ParticipantState.IN_SESSION},
    (
        Transition(
            ParticipantAction.ADMIT,
            frozenset({ParticipantState.WAITING}),
            ParticipantState.IN_SESSION,
            frozenset({"system"}),
            "The session was started.",
        ),
        Transition(
            ParticipantAction.COMPLETE,
            # A participant changes from LEFT to COMPLETED if an event about the start of their attempt arrives after
            # the session ended.
            frozenset({ParticipantState.IN_SESSION, ParticipantState.LEFT}),
            ParticipantState.COMPLETED,
            frozenset({"system"}),
            "The session ended, and the learner had started an assessment, or the session has none.",
        ),
        Transition(
            ParticipantAction.LEAVE,
            frozenset({ParticipantState.IN_SESSION}),
            ParticipantState.LEFT,
            frozenset({"system"}),
            "The session ended, and no start of an assessment is known.",
        ),
        Transition(
            ParticipantAction.MISS,
            frozenset({ParticipantState.WAITING}),
            ParticipantState.NO_SHOW,
            frozenset({"system"}),
            "The session ended, and the learner was never In Session.",
        ),
        Transition(
            ParticipantAction.REMOVE,
            frozenset({ParticipantState.WAITING, ParticipantState.IN_SESSION}),
            ParticipantState.REMOVED,
            frozenset({"proctor", "administrator"}),
            "The learner reads the reason and cannot rejoin.",
        ),
    ),
    {
        ParticipantState.WAITING: "The learner waits in the lobby.",
        ParticipantState.IN_SESSION: "The learner is In Session.",
        ParticipantState.COMPLETED: _OVER,
        ParticipantState.REMOVED: _OVER,
        ParticipantState.NO_SHOW: _OVER,
        ParticipantState.LEFT: _OVER,
    },
)
"""The state machine of participants. A trigger of the table `participants` allows the same transitions."""
