"""Enrollment codes: generation, states, validity and failed entries (`C1` to `C5`)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from proctorium_common.errors import (
    Kind,
    ServiceError,
    Violation,
    invalid,
    invalid_transition,
)
from proctorium_common.states import StateMachine, Transition
from proctorium_enrollment.domain.sessions import Session, SessionState

ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghjkmnpqrstuvwxyz23456789"
"""The characters of generated codes: letters and digits, except those that look alike (0 O o, 1 l I i)."""

GENERATED_LENGTH = 8
"""The length of generated codes.

There are 55^8 (8 * 10^13) texts of this length. Throttling allows about one guess in five minutes, which is too slow to
find an active code.
"""


class CodeState(StrEnum):
    """The states of a code.

    EXPIRED is never stored. It is the computed state of an active code whose window has ended.
    """

    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"
    REPLACED = "replaced"


class CodeAction(StrEnum):
    """The actions that change the state of a code."""

    REPLACE = "replace"
    REVOKE = "revoke"
    EXPIRE = "expire"


class CodeValidity(StrEnum):
    """Whether a code admits learners who have not joined its session yet.

    Each value other than VALID is a reason why the code does not admit these learners.
    """

    VALID = "valid"
    NOT_YET_VALID = "not_yet_valid"
    EXPIRED = "expired"
    REVOKED = "revoked"
    REPLACED = "replaced"


_SENTENCES = {
    CodeState.ACTIVE: "This code is active.",
    CodeState.EXPIRED: "This code is expired. It can be replaced by a new one.",
    CodeState.REVOKED: "This code is revoked and cannot be changed. Issue a new code instead.",
    CodeState.REPLACED: "This code is replaced and cannot be changed. Issue a new code instead.",
}

CODE_STATES: StateMachine[CodeState, CodeAction] = StateMachine(
    "code",
    CodeState,
    {CodeState.ACTIVE},
    (
        Transition(
            CodeAction.REPLACE,
            frozenset({CodeState.ACTIVE, CodeState.EXPIRED}),
            CodeState.REPLACED,
            frozenset({"administrator"}),
            "A new code is issued and sent to the same learners.",
        ),
        Transition(
            CodeAction.REVOKE,
            frozenset({CodeState.ACTIVE}),
            CodeState.REVOKED,
            frozenset({"administrator"}),
            "Nobody can join with the code any more; participants stay.",
        ),
        Transition(
            CodeAction.EXPIRE,
            frozenset({CodeState.ACTIVE}),
            CodeState.EXPIRED,
            frozenset({"system"}),
            "The window that an administrator set is over.",
        ),
    ),
    _SENTENCES,
)
"""The state machine of codes. A trigger on the table `codes` allows the same transitions between stored states."""


@dataclass(frozen=True, slots=True)
class Window:
    """The period in which a code is valid, from `valid_from` (inclusive) to `valid_until` (exclusive)."""

    valid_from: datetime
    valid_until: datetime


@dataclass(frozen=True, slots=True)
class Code:
    """A code without its text, which is stored encrypted.

    `person_id` is None for a shared code. `window` is None unless an administrator set a window. A code without a
    window is valid until its session is over. Enrollment does not check this limit, because session orchestration
    admits learners only while the state of the session allows it.
    """

    code_id: UUID
    session_id: UUID
    person_id: UUID | None
    state: CodeState
    window: Window | None = None

    def state_at(self, now: datetime) -> CodeState:
        """Return the state of the code at `now`."""
        has_ended = self.window is not None and now >= self.window.valid_until
        if self.state is CodeState.ACTIVE and has_ended:
            return CodeState.EXPIRED
        return self.state


@dataclass(frozen=True, slots=True)
class Learner:
    """A learner who entered a code.

    `registered` says whether the learner is registered in the course of the code's session. `joined` says whether the
    learner has joined the session.
    """

    person_id: UUID
    registered: bool
    joined: bool


def generate(choose: Callable[[str], str]) -> str:
    """Return a random text for a code.

    `choose` returns a random character of its argument, and uses a cryptographic source of randomness.
    """
    return "".join(choose(ALPHABET) for _ in range(GENERATED_LENGTH))


def next_state(code: Code, action: CodeAction, now: datetime) -> CodeState:
    """Return the state of `code` after `action`.

    Raises INVALID_STATE_TRANSITION if the state does not allow the action, for example because the action is repeated.
    """
    state = code.state_at(now)
    target = CODE_STATES.target(state, action)
    if target is None:
        raise invalid_transition(
            _SENTENCES[state],
            from_state=state,
            action=action,
            possible=CODE_STATES.actions(state),
        )
    return target


def requested_window(
    session: Session, valid_from: datetime | None, valid_until: datetime | None, now: datetime
) -> Window | None:
    """Return the window that an administrator requested, or None if both bounds are missing.

    If the start is missing, the window starts now. If the end is missing, the window ends at the planned end of the
    session. Raises INVALID_REQUEST if the window is empty.
    """
    if valid_from is None and valid_until is None:
        return None
    assert session.planned_end_at is not None
    window = Window(valid_from or now, valid_until or session.planned_end_at)
    if window.valid_until <= window.valid_from:
        field, sentence = (
            "valid_until_time",
            "The code would expire before it becomes valid. Choose a later end.",
        )
        if valid_until is None:
            field, sentence = (
                "valid_from_time",
                "The session is planned to end before the code becomes valid. Choose an earlier beginning.",
            )
        raise invalid(
            "INVALID_REQUEST", sentence, violations=[Violation(field, "code.window", sentence)]
        )
    return window


def replacement_window(old: Code, session: Session, now: datetime) -> Window | None:
    """Return the window of the code that replaces `old`, or None if `old` has no window.

    The new window has the start of the old window. Its end is the end of the old window or the planned end of the
    session, whichever is later. Raises INVALID_STATE_TRANSITION if both of these ends are in the past.
    """
    if old.window is None:
        return None
    assert session.planned_end_at is not None
    end = max(old.window.valid_until, session.planned_end_at)
    if end <= now:
        raise invalid_transition(
            "Neither this code nor its session has time left. Issue a new code with a later end.",
            from_state=old.state_at(now),
            action=CodeAction.REPLACE,
            possible=["IssueCode"],
        )
    return Window(old.window.valid_from, end)


def require_open(session: Session | None) -> Session:
    """Return `session` if codes can be issued for it.

    Raises SESSION_UNKNOWN, SESSION_ENDED or SESSION_CANCELLED.
    """
    if session is not None:
        _require_not_over(session)
    if session is None or not session.is_planned:
        raise ServiceError(
            Kind.INVALID_STATE_TRANSITION,
            "SESSION_UNKNOWN",
            "This session is not known here yet. If it has just been scheduled, try again in a few seconds.",
        )
    return session


def validity_of(code: Code, now: datetime) -> CodeValidity:
    """Return whether the code admits learners who have not joined yet, at the time `now`."""
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
    """Return whether a code entry counts as failed, because it may be a guess.

    An entry counts as failed if the code does not exist or is personal to another learner. It also counts as failed if
    the learner is not registered in the course of the code's session and has not joined the session. The validity of
    the code does not matter.
    """
    if code is None or code.person_id not in {None, learner.person_id}:
        return True
    return not (learner.registered or learner.joined)


def _require_not_over(session: Session) -> None:
    if session.state is SessionState.CANCELLED:
        raise _session_over(
            "SESSION_CANCELLED",
            "This session was cancelled. Ask your administrator about another one.",
        )
    if session.state.is_over:
        raise _session_over(
            "SESSION_ENDED", "This session is over. Ask your administrator about another one."
        )


def _session_over(reason: str, message: str) -> ServiceError:
    return ServiceError(Kind.INVALID_STATE_TRANSITION, reason, message)
