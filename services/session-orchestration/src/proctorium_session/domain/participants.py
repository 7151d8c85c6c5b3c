"""A learner in a session."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from proctorium_session.domain.identity import IdentityState
from proctorium_session.domain.participant_states import ParticipantState
from proctorium_session.domain.progress import Progress


@dataclass(frozen=True, slots=True)
class Participant:
    """A learner in a session.

    `identity_position` is that of the last event about their identity. `entered_time` is when they turned In Session,
    `ready_time` when they had all that the policy demands. `revision` is the session's when they last changed.
    """

    participant_id: UUID
    session_id: UUID
    person_id: UUID
    state: ParticipantState
    connected: bool
    identity: IdentityState
    identity_position: int
    join_time: datetime
    entered_time: datetime | None
    ready_time: datetime | None
    removal_reason: str
    revision: int


@dataclass(frozen=True, slots=True)
class Standing:
    """A participant with their assessments: what a roster row shows."""

    participant: Participant
    assessments: Mapping[UUID, Progress]

    def progress(self, assessment_id: UUID) -> Progress:
        """How far they are with one assessment."""
        return self.assessments.get(assessment_id) or Progress(assessment_id)
