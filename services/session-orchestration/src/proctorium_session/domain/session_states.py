"""The states of a session and the transitions between them (`S3`)."""

from __future__ import annotations

from enum import StrEnum

from proctorium_common.states import StateMachine, Transition


class SessionState(StrEnum):
    """The states of a session."""

    SCHEDULED = "scheduled"
    LOBBY_OPEN = "lobby_open"
    IN_PROGRESS = "in_progress"
    CLOSING = "closing"
    ENDED = "ended"
    CANCELLED = "cancelled"

    @property
    def is_over(self) -> bool:
        """Whether the session has ended or was cancelled. A session that has ended can be reopened."""
        return self in {SessionState.ENDED, SessionState.CANCELLED}

    @property
    def is_running(self) -> bool:
        """Whether the session was started and has not ended."""
        return self in {SessionState.IN_PROGRESS, SessionState.CLOSING}


class SessionAction(StrEnum):
    """The actions that change the state of a session."""

    OPEN_LOBBY = "open_lobby"
    START = "start"
    CLOSE = "close"
    CANCEL_CLOSING = "cancel_closing"
    END = "end"
    REOPEN = "reopen"
    CANCEL = "cancel"


_SUPERVISORS = frozenset({"proctor", "administrator"})

SESSION_STATES: StateMachine[SessionState, SessionAction] = StateMachine(
    "session",
    SessionState,
    {SessionState.SCHEDULED},
    (
        Transition(
            SessionAction.OPEN_LOBBY,
            frozenset({SessionState.SCHEDULED}),
            SessionState.LOBBY_OPEN,
            _SUPERVISORS | {"system"},
            "Learners can join by their codes and wait.",
        ),
        Transition(
            SessionAction.START,
            frozenset({SessionState.LOBBY_OPEN}),
            SessionState.IN_PROGRESS,
            _SUPERVISORS,
            "Every waiting learner is In Session.",
        ),
        Transition(
            SessionAction.CLOSE,
            frozenset({SessionState.IN_PROGRESS}),
            SessionState.CLOSING,
            _SUPERVISORS | {"system"},
            "The countdown to the end runs. New joins, authorisations and starts of attempts are refused.",
        ),
        Transition(
            SessionAction.CANCEL_CLOSING,
            frozenset({SessionState.CLOSING}),
            SessionState.IN_PROGRESS,
            _SUPERVISORS | {"system"},
            "The session continues as before.",
        ),
        Transition(
            SessionAction.END,
            frozenset({SessionState.IN_PROGRESS, SessionState.CLOSING}),
            SessionState.ENDED,
            _SUPERVISORS | {"system"},
            "Learners who were In Session have completed it or left; those who only waited are no-shows.",
        ),
        Transition(
            SessionAction.REOPEN,
            frozenset({SessionState.ENDED}),
            SessionState.IN_PROGRESS,
            _SUPERVISORS,
            "Learners who were in the session when it ended are in the session again, and their attempts continue.",
        ),
        Transition(
            SessionAction.CANCEL,
            frozenset({SessionState.SCHEDULED, SessionState.LOBBY_OPEN}),
            SessionState.CANCELLED,
            frozenset({"administrator"}),
            "The proctors and the learners are notified.",
        ),
    ),
    {
        SessionState.SCHEDULED: "The session's lobby is not open yet. Open the lobby first.",
        SessionState.LOBBY_OPEN: "The session has not started. Start it first, or cancel it.",
        SessionState.IN_PROGRESS: "The session is in progress. You can end it, but not start or cancel it.",
        SessionState.CLOSING: "The session is closing. Wait until it ends, or cancel the closing.",
        SessionState.ENDED: "The session is over. If you have questions, ask your administrator.",
        SessionState.CANCELLED: "The session was cancelled. Ask an administrator to plan a new one.",
    },
)
"""The state machine of sessions. A trigger on the table `sessions` allows the same transitions."""
