"""A learner in a session."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from proctorium_session.domain.identity import IdentityState
from proctorium_session.domain.participant_states import Cause, ParticipantState, moved_by
from proctorium_session.domain.progress import Progress
from proctorium_session.domain.sessions import Session


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


def closed(standing: Standing, session: Session) -> ParticipantState:
    """Return where the participant stands after the end of the session.

    Who was in it has completed it, unless it has assessments and they started none; who only waited is a no-show.
    """
    state = standing.participant.state
    started = any(progress.state.started for progress in standing.assessments.values())
    if session.plan.assessment_ids and not started:
        state = moved_by(Cause.NO_ATTEMPT, state)
    return state if state is ParticipantState.LEFT else moved_by(Cause.SESSION_ENDED, state)


def has_settled(standing: Standing) -> bool:
    """Return whether nothing more can become known of the participant's attempts once the session is over."""
    return all(
        progress.attempt_id is None or progress.state.final
        for progress in standing.assessments.values()
    )


def admitted(standing: Standing, session: Session) -> Standing:
    """The participant after the start of the session: who waited is in it.

    Live views are made by this rule and not by reading every row again, so that a start reaches everybody at once (`S4`).
    """
    state = moved_by(Cause.SESSION_STARTED, standing.participant.state)
    if state is standing.participant.state:
        return standing
    who = standing.participant
    participant = Participant(  # takes half as long as `replace`, and this is done for everybody before anybody is told
        participant_id=who.participant_id,
        session_id=who.session_id,
        person_id=who.person_id,
        state=state,
        connected=who.connected,
        identity=who.identity,
        identity_position=who.identity_position,
        join_time=who.join_time,
        entered_time=session.actual_start_time,
        ready_time=who.ready_time,
        removal_reason=who.removal_reason,
        revision=session.session_revision,
    )
    return Standing(participant, standing.assessments)
