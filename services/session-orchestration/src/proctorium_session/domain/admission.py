"""Admission of learners to a session, and the state of a learner after joining (`S4`, `C3`, `C5`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import ceil
from typing import assert_never
from uuid import UUID

from proctorium_common.errors import Kind, ServiceError, Violation
from proctorium_session.domain.closing import session_closing
from proctorium_session.domain.codes import CodeResolution, CodeValidity, ResolvedCode
from proctorium_session.domain.participant_states import ParticipantState
from proctorium_session.domain.session_states import SessionState
from proctorium_session.domain.sessions import LateEntry, Session


@dataclass(frozen=True, slots=True)
class Seats:
    """The seats of a session.

    `reserved` is the number of seats that are reserved for invited learners who have not joined.
    """

    capacity: int
    taken: int
    reserved: int = 0

    @property
    def free(self) -> int:
        """The number of seats that are neither taken nor reserved."""
        return max(0, self.capacity - self.taken - self.reserved)


@dataclass(frozen=True, slots=True)
class Refusal:
    """The reason why a learner is not admitted.

    `field` is the name of the invalid field in the request, or empty if no field is invalid.
    """

    kind: Kind
    reason: str
    message: str
    metadata: Mapping[str, str] = field(default_factory=dict)
    retry_after: timedelta | None = None
    field: str = ""

    @classmethod
    def from_error(cls, error: ServiceError) -> Refusal:
        """Return a refusal for an error that affects all learners of a batch."""
        return cls(error.kind, error.reason, error.message, error.metadata, error.retry_after)

    def error(self) -> ServiceError:
        """Return the refusal as an error."""
        violations = [Violation(self.field, "code.text", self.message)] if self.field else []
        return ServiceError(
            self.kind,
            self.reason,
            self.message,
            metadata=self.metadata,
            retry_after=self.retry_after,
            violations=violations,
        )


def admit(
    entry: CodeResolution,
    person_id: UUID,
    session: Session | None,
    present: ParticipantState | None,
    seats: Seats,
    now: datetime,
) -> ParticipantState | Refusal:
    """Return the state that the learner has in the session after joining, or the refusal.

    `session` is the session of the code. The caller has opened the lobby of the session if the lobby was due. `present`
    is the current state of the learner in the session, or None if the learner has not joined. A learner who has joined
    may rejoin until the session is over. The rejoin of a removed learner does not readmit the learner. If the code
    belongs to another learner, the refusal reveals nothing else about the code.
    """
    code = entry.code
    if entry.malformed:
        return Refusal(Kind.INVALID, "CODE_MALFORMED", entry.malformed, field="code")
    is_usable = code is not None and code.person_id in {None, person_id}
    if session is not None and present is not None and is_usable:
        return _refusal_by_session_state(session) or present
    if entry.retry_delay is not None:
        return _throttled(entry.retry_delay)
    if code is None:
        return _UNKNOWN_CODE
    if not (is_usable and code.registered):
        return _NOT_YOUR_CODE
    if session is None:
        return _NO_SESSION
    return (
        _refusal_by_session_state(session)
        or _refusal_by_code_validity(code)
        or _refusal_of_proctor(session, person_id)
        or _first_join(session, seats, now)
    )


def _refusal_by_session_state(session: Session) -> Refusal | None:
    match session.state:
        case SessionState.ENDED:
            return _SESSION_ENDED
        case SessionState.CANCELLED:
            return _SESSION_CANCELLED
        case _:
            return None


def _refusal_by_code_validity(code: ResolvedCode) -> Refusal | None:
    match code.validity:
        case CodeValidity.VALID:
            return None
        case CodeValidity.REPLACED:
            return _CODE_REPLACED
        case CodeValidity.REVOKED:
            return _CODE_REVOKED
        case CodeValidity.EXPIRED:
            return _failed_precondition(
                "CODE_EXPIRED",
                "This code has expired. Please ask your administrator for a new one.",
                **_time_metadata("valid_until", code.valid_until),
            )
        case CodeValidity.NOT_YET_VALID:
            return _failed_precondition(
                "CODE_NOT_YET_VALID",
                "This code is not valid yet. Please enter it again when it is.",
                **_time_metadata("valid_from", code.valid_from),
            )
        case _:
            assert_never(code.validity)


def _refusal_of_proctor(session: Session, person_id: UUID) -> Refusal | None:
    """Return a refusal if the person is a proctor of the session, and otherwise None.

    A proctor cannot join the session as a learner, because proctors cannot supervise themselves.
    """
    return _IS_PROCTOR if person_id in session.plan.proctor_ids else None


def _first_join(session: Session, seats: Seats, now: datetime) -> ParticipantState | Refusal:
    match session.state:
        case SessionState.LOBBY_OPEN:
            state = ParticipantState.WAITING
        case SessionState.IN_PROGRESS:
            late = _late_entry(session, now)
            if late is None:
                return _LATE_ENTRY_CLOSED
            state = late
        case SessionState.CLOSING:
            return Refusal.from_error(session_closing(session))
        case SessionState.SCHEDULED:
            return _failed_precondition(
                "LOBBY_NOT_OPEN",
                "The lobby of this session is not open yet. Come back when it opens.",
                lobby_open_time=session.lobby_open_time.isoformat(),
            )
        case SessionState.ENDED | SessionState.CANCELLED:
            raise AssertionError("a session that is over was refused before")
        case _:
            assert_never(session.state)
    return state if seats.free else _SESSION_FULL


def _late_entry(session: Session, now: datetime) -> ParticipantState | None:
    """Return the state of a learner who joins after the start, or None if late entry is closed."""
    plan = session.plan
    match plan.late_entry:
        case LateEntry.CLOSED:
            return None
        case LateEntry.UNTIL:
            start = session.actual_start_time or plan.start_time
            return ParticipantState.IN_SESSION if now <= start + plan.late_entry_limit else None
        case LateEntry.APPROVAL:
            return ParticipantState.AWAITING_APPROVAL
        case _:
            assert_never(plan.late_entry)


def _throttled(delay: timedelta) -> Refusal:
    seconds = max(1, ceil(delay.total_seconds()))
    wait = (
        _count_text(seconds, "second")
        if seconds < 120
        else _count_text(ceil(seconds / 60), "minute")
    )
    return Refusal(
        Kind.EXHAUSTED,
        "TOO_MANY_FAILED_CODE_ENTRIES",
        f"There were too many failed code entries. Please wait {wait} and try again; "
        "if you are in a hurry, ask your administrator.",
        retry_after=max(delay, timedelta(seconds=1)),
    )


def _count_text(count: int, unit: str) -> str:
    return f"{count} {unit}" if count == 1 else f"{count} {unit}s"


def _time_metadata(name: str, time: datetime | None) -> dict[str, str]:
    return {} if time is None else {name: time.isoformat()}


def _failed_precondition(reason: str, message: str, /, **metadata: str) -> Refusal:
    return Refusal(Kind.INVALID_STATE_TRANSITION, reason, message, metadata)


_UNKNOWN_CODE = Refusal(
    Kind.NOT_FOUND,
    "CODE_INVALID",
    "No session has this code. Please check each character, also upper and lower case; if it is right, "
    "ask your administrator for a new one.",
)
"""The refusal for a text that is not a code. It is the same for all such texts, so that it reveals nothing."""
_NOT_YOUR_CODE = _failed_precondition(
    "NOT_YOUR_CODE",
    "This code is not for you. Please use your own, or ask your administrator to register you in the course.",
)
_NO_SESSION = Refusal(
    Kind.NOT_FOUND,
    "NOT_FOUND",
    "There is no such session among yours. Check the link, or join with your enrollment code.",
)
_SESSION_ENDED = _failed_precondition(
    "SESSION_ENDED", "This session is over. If you have questions, ask your administrator."
)
_SESSION_CANCELLED = _failed_precondition(
    "SESSION_CANCELLED",
    "This session was cancelled. Ask your administrator for another one.",
)
_CODE_REPLACED = _failed_precondition(
    "CODE_REPLACED",
    "A newer code was issued in place of this one. Please use the code in the latest message.",
)
_CODE_REVOKED = _failed_precondition(
    "CODE_REVOKED", "This code was withdrawn. Please ask your administrator for a new one."
)
_IS_PROCTOR = Refusal(
    Kind.NOT_ALLOWED,
    "NOT_ALLOWED",
    "You supervise this session, so you cannot take part in it as a learner. "
    "Ask your administrator for a session that somebody else supervises.",
)
_LATE_ENTRY_CLOSED = _failed_precondition(
    "LATE_ENTRY_CLOSED",
    "The session has started, and late entry is closed. Contact your administrator for another session.",
)
_SESSION_FULL = Refusal(
    Kind.EXHAUSTED,
    "SESSION_FULL",
    "Every seat of this session is taken. Contact your administrator for another session.",
)
