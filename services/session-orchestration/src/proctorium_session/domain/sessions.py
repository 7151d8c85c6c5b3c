"""A session as it is: its plan, where it stands, and how often it has changed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from proctorium_session.domain.identity import IdentityPolicy
from proctorium_session.domain.record import Head
from proctorium_session.domain.session_states import SessionMove, SessionState, target_of


class LateEntry(StrEnum):
    """Who may still come once a session is in progress."""

    CLOSED = "closed"
    UNTIL = "until"


@dataclass(frozen=True, slots=True)
class Plan:
    """What holds for a session from its planning on. The expected learners are kept apart: they can be thousands."""

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

    @property
    def planned_end(self) -> datetime:
        """When it is to be over."""
        return self.start_time + self.duration


@dataclass(frozen=True, slots=True)
class Session:
    """A session.

    `revision` counts every change that a watcher can see; `session_revision` is that of the last change of the session itself.
    `head` is the end of its record.
    """

    session_id: UUID
    plan: Plan
    state: SessionState
    lobby_open_time: datetime
    actual_start_time: datetime | None
    end_time: datetime | None
    ended_by: UUID | None
    participant_count: int
    revision: int
    session_revision: int
    head: Head

    @property
    def next_revision(self) -> int:
        """The revision of the change that is being made; whoever asks holds the session's row."""
        return self.revision + 1

    def is_lobby_due(self, now: datetime) -> bool:
        """Whether the clock opens the lobby (`S1`)."""
        return self.state is SessionState.SCHEDULED and now >= self.lobby_open_time


def planned(session_id: UUID, plan: Plan) -> Session:
    """A new session by `plan`."""
    return Session(
        session_id=session_id,
        plan=plan,
        state=SessionState.SCHEDULED,
        lobby_open_time=plan.start_time - plan.lobby_lead,
        actual_start_time=None,
        end_time=None,
        ended_by=None,
        participant_count=0,
        revision=0,
        session_revision=0,
        head=Head.of(session_id),
    )


def moved(session: Session, move: SessionMove, now: datetime, actor: UUID | None) -> Session | None:
    """The session after `move`; None where it was made before. Raises INVALID_STATE_TRANSITION."""
    target = target_of(session.state, move)
    if target is None:
        return None
    after = replace(session, state=target, session_revision=session.next_revision)
    match move:
        case SessionMove.OPEN_LOBBY:
            return replace(after, lobby_open_time=min(session.lobby_open_time, now))
        case SessionMove.START:
            return replace(after, actual_start_time=now)
        case SessionMove.END:
            return replace(after, end_time=now, ended_by=actor)
        case SessionMove.CANCEL:
            return after
