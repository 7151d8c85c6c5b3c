"""The states of a session and the moves between them (`S3`), as one table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from proctorium_common.errors import invalid_transition


class SessionState(StrEnum):
    """Where a session stands; the values are what the database keeps."""

    SCHEDULED = "scheduled"
    LOBBY_OPEN = "lobby_open"
    IN_PROGRESS = "in_progress"
    ENDED = "ended"
    CANCELLED = "cancelled"

    @property
    def over(self) -> bool:
        """Nothing moves it any more."""
        return self in {SessionState.ENDED, SessionState.CANCELLED}


class SessionMove(StrEnum):
    """What can be asked of a session; the values are what refusals say."""

    OPEN_LOBBY = "open_lobby"
    START = "start"
    END = "end"
    CANCEL = "cancel"


class Mover(StrEnum):
    """Who can ask: a proctor of the session, any administrator, the clock."""

    PROCTOR = "proctor"
    ADMINISTRATOR = "administrator"
    CLOCK = "clock"


@dataclass(frozen=True, slots=True)
class MoveRule:
    """From where a move leads where, and who may ask for it."""

    origins: frozenset[SessionState]
    target: SessionState
    movers: frozenset[Mover]


MOVES: Mapping[SessionMove, MoveRule] = {
    SessionMove.OPEN_LOBBY: MoveRule(
        frozenset({SessionState.SCHEDULED}),
        SessionState.LOBBY_OPEN,
        frozenset({Mover.PROCTOR, Mover.ADMINISTRATOR, Mover.CLOCK}),
    ),
    SessionMove.START: MoveRule(
        frozenset({SessionState.LOBBY_OPEN}),
        SessionState.IN_PROGRESS,
        frozenset({Mover.PROCTOR, Mover.ADMINISTRATOR}),
    ),
    SessionMove.END: MoveRule(
        frozenset({SessionState.IN_PROGRESS}),
        SessionState.ENDED,
        frozenset({Mover.PROCTOR, Mover.ADMINISTRATOR}),
    ),
    SessionMove.CANCEL: MoveRule(
        frozenset({SessionState.SCHEDULED, SessionState.LOBBY_OPEN}),
        SessionState.CANCELLED,
        frozenset({Mover.ADMINISTRATOR}),
    ),
}
"""The state machine. A move whose target is the present state is a repetition: fine, and nothing changes."""

_SENTENCES: Mapping[SessionState, str] = {
    SessionState.SCHEDULED: "The session's lobby is not open yet. Open the lobby first.",
    SessionState.LOBBY_OPEN: "The session has not started. Start it first, or cancel it.",
    SessionState.IN_PROGRESS: "The session is in progress. It can only be ended now.",
    SessionState.ENDED: "The session is over. If you have questions, ask your administrator.",
    SessionState.CANCELLED: "The session was cancelled. Ask an administrator to plan a new one.",
}


def possible_moves(state: SessionState) -> tuple[SessionMove, ...]:
    """What can be asked of a session in `state`."""
    return tuple(move for move, rule in MOVES.items() if state in rule.origins)


def target_of(state: SessionState, move: SessionMove) -> SessionState | None:
    """Where `move` leads from `state`; None where it has been made already. Raises INVALID_STATE_TRANSITION."""
    rule = MOVES[move]
    if state is rule.target:
        return None
    if state not in rule.origins:
        raise invalid_transition(
            _SENTENCES[state], from_state=state, asked=move, possible=possible_moves(state)
        )
    return rule.target
