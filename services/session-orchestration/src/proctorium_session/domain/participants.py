"""Participants: learners who have joined a session."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from proctorium_session.domain.breaks import NOTHING_USED, BreakState, BreakUse
from proctorium_session.domain.hands import Hand
from proctorium_session.domain.identity import IdentityState
from proctorium_session.domain.outages import Outage, ReturnRequest
from proctorium_session.domain.participant_states import ParticipantAction, ParticipantState
from proctorium_session.domain.progress import Progress
from proctorium_session.domain.sessions import Pause, Session


@dataclass(frozen=True, slots=True)
class Conversation:
    """The number of messages between a participant and the proctors, and the read marks.

    A read mark is the sequence up to which messages were read. The proctors of a session share one mark.
    `learner_unread` is the number of the proctors' messages after the learner's mark. `proctors_unread` is the number
    of the learner's messages after the proctors' mark. `announcements_read` is the learner's mark in the announcements
    of the session.
    """

    message_count: int = 0
    learner_read: int = 0
    proctors_read: int = 0
    learner_unread: int = 0
    proctors_unread: int = 0
    announcements_read: int = 0


NO_MESSAGES = Conversation()
"""The conversation of a participant who has no messages."""


@dataclass(frozen=True, slots=True)
class Removal:
    """The removal of a participant who has not been readmitted. The learner can read the reason."""

    removal_id: UUID
    removed_at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Ending:
    """The end of the session for one participant, while the session goes on. The learner can read the reason."""

    ending_id: UUID
    ended_at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Participant:
    """A learner who has joined a session.

    `identity_position` is the position of the last handled event about the learner's identity. `entered_time` is the
    time at which the learner became In Session. `ready_time` is the time at which the learner met the identity policy.
    `revision` is the revision of the session in which the participant was last changed. `hand` is the raised hand of
    the participant. `pause` is the open pause of this participant. `extra_time` is the sum of the granted extra time.
    `identity_check_reason` is the reason of the person who requested an identity check, or empty if the plan requires
    it. `removal` is the removal of a removed participant. `ending` is set if the session was ended for this participant
    only. `finished_unit_count` is the number of units of the session's course that the learner has finished, in this
    session or before. `continued_at` is the time from which the session continues for the learner after the last
    reopening, undone end or readmission. `outage` is the newest outage of the learner. `return_request` is set while a
    proctor has not let the learner back in after an outage.
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
    revision: int
    conversation: Conversation = NO_MESSAGES
    hand: Hand | None = None
    pause: Pause | None = None
    extra_time: timedelta = timedelta()
    extra_time_reason: str = ""
    identity_check_reason: str = ""
    denial_reason: str = ""
    removal: Removal | None = None
    ending: Ending | None = None
    breaks: BreakUse = NOTHING_USED
    finished_unit_count: int = 0
    continued_at: datetime | None = None
    outage: Outage | None = None
    return_request: ReturnRequest | None = None

    @property
    def is_on_break(self) -> bool:
        """Whether the participant has started a break and has not returned from it."""
        return self.breaks.latest is not None and self.breaks.latest.state is BreakState.STARTED

    @property
    def removal_reason(self) -> str:
        """The reason for the removal, or an empty text if the participant is not removed."""
        return "" if self.removal is None else self.removal.reason

    @property
    def end_reason(self) -> str:
        """The reason for the end for this participant, or an empty text if the session was not ended for them."""
        return "" if self.ending is None else self.ending.reason


class ShownState(StrEnum):
    """The states of a participant that clients see.

    `PAUSED` is not a stored state. A paused participant is In Session, because a pause of the participant, a pause of
    the whole session and a return request can be open at the same time. `ON_BREAK` is not a stored state either,
    because a participant can be paused during a break. The pause is then shown.
    """

    AWAITING_APPROVAL = "awaiting_approval"
    DENIED = "denied"
    WAITING = "waiting"
    IN_SESSION = "in_session"
    COMPLETED = "completed"
    REMOVED = "removed"
    NO_SHOW = "no_show"
    LEFT = "left"
    PAUSED = "paused"
    ON_BREAK = "on_break"


@dataclass(frozen=True, slots=True)
class ParticipantView:
    """A participant, and the participant's progress in each assessment. This is a row of the roster."""

    participant: Participant
    assessments: Mapping[UUID, Progress]

    def progress(self, assessment_id: UUID) -> Progress:
        """Return the participant's progress in one assessment."""
        return self.assessments.get(assessment_id) or Progress(assessment_id)


def end_action(view: ParticipantView, session: Session) -> ParticipantAction | None:
    """Return the action of a participant when the session ends, or None if the participant's state does not change.

    A participant who waits or was denied misses the session. A participant who is In Session completes the session if
    they started an assessment or the session has no assessments. Otherwise, the participant leaves the session.
    """
    match view.participant.state:
        case (
            ParticipantState.WAITING | ParticipantState.AWAITING_APPROVAL | ParticipantState.DENIED
        ):
            return ParticipantAction.MISS
        case ParticipantState.IN_SESSION:
            started = any(progress.state.is_started for progress in view.assessments.values())
            if started or not session.plan.assessment_ids:
                return ParticipantAction.COMPLETE
            return ParticipantAction.LEAVE
        case _:
            return None


def are_attempts_final(view: ParticipantView) -> bool:
    """Return whether the participant's attempts cannot change any more.

    Call this only after the session is over.
    """
    return all(
        progress.attempt_id is None or progress.state.is_final
        for progress in view.assessments.values()
    )


def after_start(view: ParticipantView, session: Session) -> ParticipantView:
    """Return the participant after the start of the session. A waiting participant becomes In Session.

    Live snapshots apply this rule instead of reading the rows of all participants again. The start therefore reaches
    all learners at the same time (`S4`).
    """
    participant = view.participant
    if participant.state is not ParticipantState.WAITING:
        return view
    # A call of the constructor takes half as long as `replace`. This time matters, because all participants are
    # computed before the start is sent to the first learner.
    admitted = Participant(
        participant_id=participant.participant_id,
        session_id=participant.session_id,
        person_id=participant.person_id,
        state=ParticipantState.IN_SESSION,
        connected=participant.connected,
        identity=participant.identity,
        identity_position=participant.identity_position,
        join_time=participant.join_time,
        entered_time=session.actual_start_time,
        ready_time=participant.ready_time,
        revision=session.session_revision,
        conversation=participant.conversation,
        hand=participant.hand,
        pause=participant.pause,
        extra_time=participant.extra_time,
        extra_time_reason=participant.extra_time_reason,
        identity_check_reason=participant.identity_check_reason,
        denial_reason=participant.denial_reason,
        breaks=participant.breaks,
        finished_unit_count=participant.finished_unit_count,
    )
    return ParticipantView(admitted, view.assessments)


def shown_state(session: Session, participant: Participant) -> ShownState:
    """Return the state of the participant that clients see."""
    if participant.state is ParticipantState.IN_SESSION:
        stops = session.pause, participant.pause, participant.return_request
        if any(each is not None for each in stops):
            return ShownState.PAUSED
        if participant.is_on_break:
            return ShownState.ON_BREAK
    return ShownState(participant.state.value)


def after_session_pause(view: ParticipantView, session: Session) -> ParticipantView:
    """Return the participant after the whole session was paused or resumed.

    Live snapshots apply this rule, because the pause changes the shown state of everybody who is In Session without
    changing their rows.
    """
    if view.participant.state is not ParticipantState.IN_SESSION:
        return view
    return replace(view, participant=replace(view.participant, revision=session.session_revision))
