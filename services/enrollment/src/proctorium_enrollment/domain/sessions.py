"""What enrollment knows of sessions: which course, when, who takes part, and how far it is. Learnt from events alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from uuid import UUID


class SessionState(Enum):
    """How far a session is, as far as codes and content are concerned."""

    SCHEDULED = "scheduled"
    IN_PROGRESS = "in_progress"
    ENDED = "ended"
    CANCELLED = "cancelled"

    @property
    def over(self) -> bool:
        """Whether it has ended or was called off."""
        return self in {SessionState.ENDED, SessionState.CANCELLED}


class Part(Enum):
    """As what somebody takes part in a session."""

    PROCTOR = "proctor"
    LEARNER = "learner"


@dataclass(frozen=True)
class Session:
    """A session. Its course and times are None until the event that tells them has come."""

    session_id: UUID
    state: SessionState
    course_id: UUID | None
    lobby_open_time: datetime | None
    planned_end_time: datetime | None

    @property
    def known(self) -> bool:
        """Whether its plan has arrived, so that codes can be issued for it."""
        return (
            self.course_id is not None
            and self.lobby_open_time is not None
            and self.planned_end_time is not None
        )


_ORDER = {
    SessionState.SCHEDULED: 0,
    SessionState.IN_PROGRESS: 1,
    SessionState.ENDED: 2,
    SessionState.CANCELLED: 2,
}


def later(present: SessionState, told: SessionState) -> SessionState:
    """The state after an event has told one, whatever the order in which events arrive: a session never goes back."""
    return told if _ORDER[told] > _ORDER[present] else present
