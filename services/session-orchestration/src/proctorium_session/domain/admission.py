"""Who may come into a session, and as what (`S4`, `C3`)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import assert_never
from uuid import UUID

from proctorium_common.errors import ServiceError, exhausted, not_allowed
from proctorium_session.domain.participant_states import ParticipantState
from proctorium_session.domain.refusals import refused
from proctorium_session.domain.session_states import SessionState
from proctorium_session.domain.sessions import LateEntry, Session


@dataclass(frozen=True, slots=True)
class Places:
    """The places of a session: how many are taken, and how many are kept for expected learners who have not come."""

    capacity: int
    taken: int
    kept: int = 0

    @property
    def free(self) -> int:
        """How many are left; the kept ones are not."""
        return max(0, self.capacity - self.taken - self.kept)


def check_lives(session: Session) -> None:
    """Raises SESSION_ENDED or SESSION_CANCELLED."""
    if session.state is SessionState.ENDED:
        raise refused(
            "SESSION_ENDED",
            "This session is over. If you have questions, ask your administrator.",
        )
    if session.state is SessionState.CANCELLED:
        raise refused(
            "SESSION_CANCELLED",
            "This session was cancelled. Ask your administrator for another one.",
        )


def check_rejoin(session: Session, state: ParticipantState) -> None:
    """A rejoin is always allowed while the session lives (`C5`), but for who was removed. Raises as `check_lives`, REMOVED."""
    check_lives(session)
    if state is ParticipantState.REMOVED:
        raise removed()


def removed() -> ServiceError:
    """The learner was removed from the session."""
    return refused(
        "PARTICIPANT_REMOVED",
        "You were removed from this session, so you cannot come back into it. "
        "If you think that is wrong, contact your administrator.",
    )


def check_own(session: Session, person_id: UUID) -> None:
    """Nobody supervises themselves: who leads a session takes no exam in it. Raises NOT_ALLOWED."""
    if person_id in session.plan.proctor_ids:
        raise not_allowed(
            "NOT_ALLOWED",
            "You supervise this session, so you cannot take part in it as a learner. "
            "Ask your administrator for a session that somebody else supervises.",
        )


def admitted_as(session: Session, places: Places, now: datetime) -> ParticipantState:
    """Where somebody new stands who comes at `now`. A lobby that is due has been opened before.

    Raises SESSION_ENDED, SESSION_CANCELLED, LOBBY_NOT_OPEN, LATE_ENTRY_CLOSED, SESSION_FULL.
    """
    state = _state_for_newcomers(session, now)
    if places.free == 0:
        raise exhausted(
            "SESSION_FULL",
            "Every place of this session is taken. Contact your administrator for another session.",
        )
    return state


def _state_for_newcomers(session: Session, now: datetime) -> ParticipantState:
    check_lives(session)
    match session.state:
        case SessionState.LOBBY_OPEN:
            return ParticipantState.WAITING
        case SessionState.IN_PROGRESS:
            _check_late_entry(session, now)
            return ParticipantState.IN_SESSION
        case SessionState.SCHEDULED:
            raise refused(
                "LOBBY_NOT_OPEN",
                "The lobby of this session is not open yet. Come back when it opens.",
                lobby_open_time=session.lobby_open_time.isoformat(),
            )
        case SessionState.ENDED | SessionState.CANCELLED:
            raise AssertionError("refused above")
        case _:
            assert_never(session.state)


def _check_late_entry(session: Session, now: datetime) -> None:
    plan = session.plan
    began = session.actual_start_time or plan.start_time
    if plan.late_entry is LateEntry.CLOSED or now > began + plan.late_entry_limit:
        raise refused(
            "LATE_ENTRY_CLOSED",
            "The session has begun and takes nobody new. "
            "Contact your administrator for another session.",
        )
