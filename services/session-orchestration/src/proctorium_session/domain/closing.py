"""The rules for the end of a session: the countdown, the automatic closing and the expected end."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from enum import Enum, auto

from proctorium_common.errors import ServiceError
from proctorium_session.domain.errors import failed_precondition
from proctorium_session.domain.progress import AttemptTime
from proctorium_session.domain.session_states import SessionAction, SessionState
from proctorium_session.domain.sessions import Session

_MINUTE = timedelta(minutes=1)
_NO_TIME = timedelta()


class AutomaticStep(Enum):
    """What the service does with a session that has reached the time of its automatic closing."""

    WAIT = auto()
    """The service waits for the deadline of an attempt."""
    ALARM = auto()
    """An attempt is paused, so the proctors must decide."""
    CLOSE = auto()
    """The session closes."""


def ending_action(session: Session, *, end_now: bool) -> SessionAction | None:
    """Return the action of a request to end the session, or None if the session is already closing.

    A request to end the session at once also ends a closing session.
    """
    if end_now:
        return SessionAction.END
    if session.state is SessionState.CLOSING:
        return None
    if session.state is SessionState.IN_PROGRESS and session.plan.closing_countdown > _NO_TIME:
        return SessionAction.CLOSE
    return SessionAction.END


def automatic_step(open_times: Collection[AttemptTime], at: datetime) -> AutomaticStep:
    """Return the step for a session that could close automatically and end at the time `at`.

    An automatic closing never ends a session before the deadline of an attempt in progress.
    """
    if any(each.is_stopped for each in open_times):
        return AutomaticStep.ALARM
    if any(each.deadline_at is not None and each.deadline_at > at for each in open_times):
        return AutomaticStep.WAIT
    return AutomaticStep.CLOSE


def late_end(planned_end: datetime, open_times: Collection[AttemptTime]) -> datetime | None:
    """Return the expected end of a session if it is later than the planned end, and otherwise None.

    The session is expected to end at the latest deadline of an attempt in progress. The time is rounded up to a minute,
    so that learners and proctors receive fewer changes while the attempts of a session start.
    """
    latest = max(
        (each.deadline_at for each in open_times if each.deadline_at is not None), default=None
    )
    if latest is None or latest <= planned_end:
        return None
    rest = timedelta(seconds=latest.second, microseconds=latest.microsecond)
    return latest - rest + _MINUTE if rest else latest


def session_closing(session: Session) -> ServiceError:
    """Return the error for an action that is not possible while the session is closing."""
    assert session.closing is not None
    return failed_precondition(
        "SESSION_CLOSING",
        "The session is about to end, so this is not possible any more. Try again if the closing is cancelled.",
        closing_end_time=session.closing.end_at.isoformat(),
    )
