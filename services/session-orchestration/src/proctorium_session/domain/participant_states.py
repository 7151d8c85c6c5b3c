"""The states of a learner in a session and the moves between them (`S5`), as one table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from proctorium_common.errors import invalid_transition


class ParticipantState(StrEnum):
    """Where a learner stands; the values are what the database keeps."""

    WAITING = "waiting"
    IN_SESSION = "in_session"
    COMPLETED = "completed"
    REMOVED = "removed"
    NO_SHOW = "no_show"
    LEFT = "left"


class ParticipantMove(StrEnum):
    """What happens to a learner in a session."""

    ADMIT = "admit"
    COMPLETE = "complete"
    LEAVE = "leave"
    MISS = "miss"
    REMOVE = "remove"


class Cause(StrEnum):
    """Whose doing a move is."""

    SESSION_STARTED = "session_started"
    SESSION_ENDED = "session_ended"
    NO_ATTEMPT = "no_attempt"
    REMOVAL = "removal"


@dataclass(frozen=True, slots=True)
class MoveRule:
    """From where a move leads where, and what causes it."""

    origins: frozenset[ParticipantState]
    target: ParticipantState
    cause: Cause


MOVES: Mapping[ParticipantMove, MoveRule] = {
    ParticipantMove.ADMIT: MoveRule(
        frozenset({ParticipantState.WAITING}), ParticipantState.IN_SESSION, Cause.SESSION_STARTED
    ),
    # From LEFT where the start of an attempt becomes known only after the end of the session.
    ParticipantMove.COMPLETE: MoveRule(
        frozenset({ParticipantState.IN_SESSION, ParticipantState.LEFT}),
        ParticipantState.COMPLETED,
        Cause.SESSION_ENDED,
    ),
    ParticipantMove.LEAVE: MoveRule(
        frozenset({ParticipantState.IN_SESSION}), ParticipantState.LEFT, Cause.NO_ATTEMPT
    ),
    ParticipantMove.MISS: MoveRule(
        frozenset({ParticipantState.WAITING}), ParticipantState.NO_SHOW, Cause.SESSION_ENDED
    ),
    ParticipantMove.REMOVE: MoveRule(
        frozenset({ParticipantState.WAITING, ParticipantState.IN_SESSION}),
        ParticipantState.REMOVED,
        Cause.REMOVAL,
    ),
}
"""The state machine. A move whose target is the present state is a repetition: fine, and nothing changes."""


def possible_moves(state: ParticipantState) -> tuple[ParticipantMove, ...]:
    """What can happen to a learner in `state`."""
    return tuple(move for move, rule in MOVES.items() if state in rule.origins)


def target_of(state: ParticipantState, move: ParticipantMove) -> ParticipantState | None:
    """Where `move` leads from `state`; None where it has been made already. Raises INVALID_STATE_TRANSITION."""
    rule = MOVES[move]
    if state is rule.target:
        return None
    if state not in rule.origins:
        raise invalid_transition(
            "The session is over for this learner, so this cannot be done any more.",
            from_state=state,
            asked=move,
            possible=possible_moves(state),
        )
    return rule.target


@cache  # asked of every learner before the first of them is sent the start
def moved_by(cause: Cause, state: ParticipantState) -> ParticipantState:
    """Where a learner in `state` stands after `cause`: at most one move of it starts there."""
    for rule in MOVES.values():
        if rule.cause is cause and state in rule.origins:
            return rule.target
    return state
