"""Enrollment codes: how they look, what becomes of them, and for whom they are (`C1` to `C5`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, StrEnum
from uuid import UUID

from proctorium_common.errors import (
    Kind,
    ServiceError,
    Violation,
    invalid,
    invalid_transition,
)
from proctorium_enrollment.domain.sessions import Session, SessionState

ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghjkmnpqrstuvwxyz23456789"
"""Letters and digits without those that look alike on paper or screen: 0 O o, 1 l I i. Generated codes use it; typed ones may not."""

GENERATED_LENGTH = 8
"""55 to the power of 8 is 8 * 10^13 texts: at one guess in five minutes, nobody finds one of a thousand live codes."""


class CodeState(Enum):
    """What has become of a code. EXPIRED is never stored: it is what the clock makes of ACTIVE."""

    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"
    REPLACED = "replaced"


class CodeValidity(StrEnum):
    """Whether a code is valid for learners who have not joined its session yet, and why not."""

    VALID = "valid"
    NOT_YET_VALID = "not_yet_valid"
    EXPIRED = "expired"
    REVOKED = "revoked"
    REPLACED = "replaced"


class CodeMove(Enum):
    """What an administrator can do to a code."""

    REPLACE = "replace"
    REVOKE = "revoke"


MOVES: Mapping[CodeState, Mapping[CodeMove, CodeState]] = {
    CodeState.ACTIVE: {
        CodeMove.REPLACE: CodeState.REPLACED,
        CodeMove.REVOKE: CodeState.REVOKED,
    },
    CodeState.EXPIRED: {CodeMove.REPLACE: CodeState.REPLACED},
    CodeState.REVOKED: {},
    CodeState.REPLACED: {},
}
"""The state machine: what can be done in a state, and what the state is then."""


@dataclass(frozen=True)
class Window:
    """The time in which a code is valid, the end not included; set by an administrator."""

    valid_from: datetime
    valid_until: datetime


@dataclass(frozen=True)
class Code:
    """A code without its text, which is stored encrypted.

    `person_id` is None for a code that the session shares. `window` is None unless an administrator set one: the code is then valid
    as long as its session lives, and session orchestration decides by the state of the lobby who may enter.
    """

    code_id: UUID
    session_id: UUID
    person_id: UUID | None
    state: CodeState
    window: Window | None = None

    def state_at(self, now: datetime) -> CodeState:
        """Return the state by the clock."""
        over = self.window is not None and now >= self.window.valid_until
        if self.state is CodeState.ACTIVE and over:
            return CodeState.EXPIRED
        return self.state


@dataclass(frozen=True)
class Learner:
    """A learner who entered a code: whether they are registered in the course of its session, and have joined the session."""

    person_id: UUID
    registered: bool
    joined: bool


def generate(choose: Callable[[str], str]) -> str:
    """A new text; `choose` picks one character of a text, by a cryptographic source."""
    return "".join(choose(ALPHABET) for _ in range(GENERATED_LENGTH))


def moved(code: Code, move: CodeMove, now: datetime) -> CodeState:
    """The state of `code` after `move`. Raises INVALID_STATE_TRANSITION."""
    state = code.state_at(now)
    possible = MOVES[state]
    if move not in possible:
        raise invalid_transition(
            f"This code is {state.value}; it cannot be {_participle(move)} any more. Issue a new code instead.",
            from_state=state.value,
            asked=move.value,
            possible=[option.value for option in possible],
        )
    return possible[move]


def window_asked_for(
    session: Session, valid_from: datetime | None, valid_until: datetime | None, now: datetime
) -> Window | None:
    """Return the window that an administrator asked for; a bound left out is now, or the session's planned end.

    Raises INVALID_REQUEST for an empty window.
    """
    if valid_from is None and valid_until is None:
        return None
    assert session.planned_end_time is not None
    window = Window(valid_from or now, valid_until or session.planned_end_time)
    if window.valid_until <= window.valid_from:
        sentence = "The code would expire before it becomes valid. Choose a later end."
        raise invalid(
            "INVALID_REQUEST",
            sentence,
            violations=[Violation("valid_until_time", "code.window", sentence)],
        )
    return window


def window_of_replacement(old: Code, session: Session, now: datetime) -> Window | None:
    """Return the window of the code that replaces `old`: the same, and at least until the session's planned end.

    Raises INVALID_STATE_TRANSITION when both are over.
    """
    if old.window is None:
        return None
    assert session.planned_end_time is not None
    end = max(old.window.valid_until, session.planned_end_time)
    if end <= now:
        raise invalid_transition(
            "Neither this code nor its session has time left. Issue a new code and set until when it is valid.",
            from_state=old.state_at(now).value,
            asked=CodeMove.REPLACE.value,
            possible=["IssueCode"],
        )
    return Window(old.window.valid_from, end)


def require_open(session: Session | None) -> Session:
    """The session, for which codes can be issued. Raises SESSION_UNKNOWN, SESSION_ENDED or SESSION_CANCELLED."""
    if session is not None:
        _require_not_over(session)
    if session is None or not session.known:
        raise ServiceError(
            Kind.INVALID_STATE_TRANSITION,
            "SESSION_UNKNOWN",
            "This session is not known here yet. If it has just been scheduled, try again in a few seconds.",
        )
    return session


def validity_of(code: Code, now: datetime) -> CodeValidity:
    """Return whether the code is valid at `now`, for learners who have not joined yet."""
    match code.state_at(now):
        case CodeState.REPLACED:
            return CodeValidity.REPLACED
        case CodeState.REVOKED:
            return CodeValidity.REVOKED
        case CodeState.EXPIRED:
            return CodeValidity.EXPIRED
        case CodeState.ACTIVE:
            early = code.window is not None and now < code.window.valid_from
            return CodeValidity.NOT_YET_VALID if early else CodeValidity.VALID


def is_failed_entry(code: Code | None, learner: Learner) -> bool:
    """Return whether the entry of a code may be a guess, so that it counts as failed.

    A code that is not valid now is no guess: the learner may enter it as often as they like.
    """
    if code is None or code.person_id not in {None, learner.person_id}:
        return True
    return not (learner.registered or learner.joined)


def _require_not_over(session: Session) -> None:
    if session.state is SessionState.CANCELLED:
        raise _refused(
            "SESSION_CANCELLED",
            "This session was cancelled. Ask your administrator about another one.",
        )
    if session.state.over:
        raise _refused(
            "SESSION_ENDED", "This session is over. Ask your administrator about another one."
        )


def _refused(reason: str, message: str, **metadata: str) -> ServiceError:
    return ServiceError(Kind.INVALID_STATE_TRANSITION, reason, message, metadata=metadata)


def _participle(move: CodeMove) -> str:
    return {CodeMove.REPLACE: "replaced", CodeMove.REVOKE: "revoked"}[move]
