"""Sessions in the form in which enrollment stores them, from the events of session orchestration."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class SessionState(StrEnum):
    """The states of a session that codes and content depend on."""

    SCHEDULED = "scheduled"
    IN_PROGRESS = "in_progress"
    ENDED = "ended"
    CANCELLED = "cancelled"

    @property
    def is_over(self) -> bool:
        """Whether the session has ended or was cancelled."""
        return self in {SessionState.ENDED, SessionState.CANCELLED}


class MemberRole(StrEnum):
    """The roles of the members of a session."""

    PROCTOR = "proctor"
    LEARNER = "learner"


@dataclass(frozen=True, slots=True)
class Session:
    """A session.

    The course and the times are None until enrollment has handled the events that contain them.
    """

    session_id: UUID
    state: SessionState
    course_id: UUID | None
    lobby_open_at: datetime | None
    planned_end_at: datetime | None

    @property
    def is_planned(self) -> bool:
        """Whether the course and the times of the session are known. Codes can be issued only for such a session."""
        return (
            self.course_id is not None
            and self.lobby_open_at is not None
            and self.planned_end_at is not None
        )


_ORDER = {
    SessionState.SCHEDULED: 0,
    SessionState.IN_PROGRESS: 1,
    SessionState.ENDED: 2,
    SessionState.CANCELLED: 2,
}


def latest_state(current: SessionState, reported: SessionState) -> SessionState:
    """Return the later one of two states of a session.

    Events may arrive in any order, so the reported state may be earlier than the current state.
    """
    return reported if _ORDER[reported] > _ORDER[current] else current
