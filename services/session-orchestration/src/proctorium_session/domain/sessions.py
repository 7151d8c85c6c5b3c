"""Sessions, plans of sessions, and the people who change sessions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from proctorium_session.domain.breaks import NO_BREAKS, BreakPolicy
from proctorium_session.domain.coverage import UNCOVERED_AFTER, Coverage
from proctorium_session.domain.identity import IdentityPolicy
from proctorium_session.domain.outages import CLOCK_RUNS, DisconnectPolicy
from proctorium_session.domain.record import Head
from proctorium_session.domain.session_states import SESSION_STATES, SessionAction, SessionState

CLOSING_COUNTDOWN = timedelta(seconds=60)
"""The default length of the countdown of a closing session."""

AUTO_CLOSE_AFTER = timedelta(minutes=30)
"""The default time after the planned end at which a session closes automatically."""

REOPEN_WINDOW = timedelta(minutes=5)
"""The default time after the end of a session in which its proctors can reopen it."""

MIN_TIME_AFTER_CANCELLATION = timedelta(minutes=10)
"""The minimum time from the cancellation of a closing by a person, or from a reopening, to the automatic closing."""


class ActingRole(StrEnum):
    """The role in which a person acts on a session."""

    PROCTOR = "proctor"
    """A proctor of the session."""
    ADMINISTRATOR = "administrator"
    """An administrator who is not a certified proctor of the session."""


class MemberRole(StrEnum):
    """The role in which a person takes part in a session: as a learner, or in an acting role."""

    LEARNER = "learner"
    PROCTOR = "proctor"
    ADMINISTRATOR = "administrator"


@dataclass(frozen=True, slots=True)
class Actor:
    """A person who acts on a session, and the role in which the person acts."""

    person_id: UUID
    role: ActingRole


class LateEntry(StrEnum):
    """Whether new learners may join while a session is in progress."""

    CLOSED = "closed"
    UNTIL = "until"
    APPROVAL = "approval"


@dataclass(frozen=True, slots=True)
class Plan:
    """The data of a session that never change after the session was planned, except its proctors.

    The first proctor is the lead proctor. The plan does not include the invited learners, because there can be
    thousands of them.
    """

    course_id: UUID
    assessment_ids: tuple[UUID, ...]
    title: str
    start_time: datetime
    duration: timedelta
    proctor_ids: tuple[UUID, ...]
    capacity: int
    lobby_lead: timedelta
    late_entry: LateEntry
    late_entry_limit: timedelta
    identity_policy: IdentityPolicy
    uncovered_after: timedelta = UNCOVERED_AFTER
    closing_countdown: timedelta = CLOSING_COUNTDOWN
    auto_close_after: timedelta = AUTO_CLOSE_AFTER
    reopen_window: timedelta = REOPEN_WINDOW
    break_policy: BreakPolicy = NO_BREAKS
    questions_shown_while_paused: bool = False
    disconnect_policy: DisconnectPolicy = CLOCK_RUNS

    @property
    def planned_end(self) -> datetime:
        """The time at which the session is planned to end."""
        return self.start_time + self.duration

    @property
    def automatic_end(self) -> datetime:
        """The earliest time at which the session closes automatically.

        If a person cancels a closing or reopens the session, `Session.automatic_end` can be later.
        """
        return self.planned_end + self.auto_close_after


@dataclass(frozen=True, slots=True)
class Pause:
    """A pause of a session or of a participant that has not ended. The learners can read the reason."""

    pause_id: UUID
    paused_at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Closing:
    """The closing of a session that ends at `end_at`. `actor` is None if the session closes automatically."""

    end_at: datetime
    actor: Actor | None


@dataclass(frozen=True, slots=True)
class Session:
    """A session.

    Every change that a watcher can see increases `revision`. `session_revision` is the revision of the last change of
    the session itself, rather than of a participant. `message_revision` is the revision of the newest message. `head`
    is the end of the session's record. `pause` is the open pause of the whole session. `closing` is set while the
    session is closing. `late_end` is the expected end if it is later than the planned end. `overdue_at` is the time
    since which the session cannot close automatically, because an attempt is paused. `closing_cancelled_at` is the time
    at which a person last cancelled a closing or reopened the session. `reopen_until` is the time until which the
    proctors can reopen a session that has ended, or None if they cannot. `course_unit_count` is the number of units of
    the session's course. It never changes, because the outline of a course never changes.
    """

    session_id: UUID
    plan: Plan
    state: SessionState
    lobby_open_time: datetime
    actual_start_time: datetime | None
    end_time: datetime | None
    ended_by: UUID | None
    participant_count: int
    announcement_count: int
    message_revision: int
    revision: int
    session_revision: int
    head: Head
    coverage: Coverage
    pause: Pause | None = None
    closing: Closing | None = None
    late_end: datetime | None = None
    overdue_at: datetime | None = None
    closing_cancelled_at: datetime | None = None
    reopen_until: datetime | None = None
    course_unit_count: int = 0

    @property
    def is_final(self) -> bool:
        """Whether the session is over and its proctors cannot reopen it."""
        return self.state.is_over and self.reopen_until is None

    @property
    def automatic_end(self) -> datetime:
        """The earliest time at which the session closes automatically.

        After a person cancelled a closing or reopened the session, the time counts from this action. Otherwise, the
        session would close again at once.
        """
        if self.closing_cancelled_at is None:
            return self.plan.automatic_end
        delay = max(self.plan.auto_close_after, MIN_TIME_AFTER_CANCELLATION)
        return max(self.plan.automatic_end, self.closing_cancelled_at + delay)

    @property
    def expected_end(self) -> datetime:
        """The time at which the session is expected to end."""
        return self.late_end or self.plan.planned_end

    @property
    def supervision_revision(self) -> int:
        """The revision of the last change of the session itself that its proctors can see."""
        return max(self.session_revision, self.coverage.revision)

    @property
    def next_revision(self) -> int:
        """The revision that the session has after the current change. The caller must have locked the session's row."""
        return self.revision + 1

    def is_lobby_due(self, now: datetime) -> bool:
        """Return whether the lobby is still closed although its opening time has been reached (`S1`)."""
        return self.state is SessionState.SCHEDULED and now >= self.lobby_open_time


@dataclass(frozen=True, slots=True)
class VisibleSession:
    """A session, and the invited learners that the caller may see. A learner may see none of them.

    `supervised` says whether the caller may supervise the session and may therefore see who is present.
    """

    session: Session
    learner_ids: tuple[UUID, ...] = ()
    supervised: bool = False


def new_session(session_id: UUID, plan: Plan, course_unit_count: int = 0) -> Session:
    """Return a new session with the given plan. Its course has `course_unit_count` units."""
    return Session(
        session_id=session_id,
        plan=plan,
        state=SessionState.SCHEDULED,
        lobby_open_time=plan.start_time - plan.lobby_lead,
        actual_start_time=None,
        end_time=None,
        ended_by=None,
        participant_count=0,
        announcement_count=0,
        message_revision=0,
        revision=0,
        session_revision=0,
        head=Head.of(session_id),
        coverage=Coverage(),
        course_unit_count=course_unit_count,
    )


def apply_action(
    session: Session, action: SessionAction, now: datetime, actor: Actor | None
) -> Session | None:
    """Return the session after `action`, or None if `action` repeats an earlier action and changes nothing.

    `actor` is None if the system performs the action. Raises INVALID_STATE_TRANSITION.
    """
    target = SESSION_STATES.target(session.state, action)
    if target is None:
        return None
    after = replace(session, state=target, session_revision=session.next_revision)
    match action:
        case SessionAction.OPEN_LOBBY:
            return replace(after, lobby_open_time=min(session.lobby_open_time, now))
        case SessionAction.START:
            return replace(after, actual_start_time=now)
        case SessionAction.CLOSE:
            closing = Closing(now + session.plan.closing_countdown, actor)
            return replace(after, closing=closing, overdue_at=None)
        case SessionAction.CANCEL_CLOSING:
            cancelled_at = session.closing_cancelled_at if actor is None else now
            return replace(after, closing=None, closing_cancelled_at=cancelled_at)
        case SessionAction.END:
            return replace(
                after,
                end_time=now,
                ended_by=actor.person_id if actor is not None else None,
                closing=None,
                late_end=None,
                overdue_at=None,
                coverage=Coverage(),
                reopen_until=_reopen_until(session, now),
            )
        case SessionAction.REOPEN:
            return replace(
                after, end_time=None, ended_by=None, reopen_until=None, closing_cancelled_at=now
            )
        case SessionAction.CANCEL:
            return replace(after, coverage=Coverage())


def _reopen_until(session: Session, ended_at: datetime) -> datetime | None:
    window = session.plan.reopen_window
    return ended_at + window if window else None
