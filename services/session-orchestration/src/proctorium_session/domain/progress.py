"""The progress of a learner in a course, and of a participant in an assessment.

The progress in an assessment is computed from events, which may be delayed, redelivered or reordered.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from uuid import UUID


class ProgressState(IntEnum):
    """The states of a participant's progress in an assessment.

    The progress changes to a lower number only if an authorisation is withdrawn, a submitted attempt is reopened or a
    voided attempt is restored. VOIDED means that the attempt was closed before its learner started it.
    """

    AWAITING_AUTHORIZATION = 1
    AUTHORIZED = 2
    IN_PROGRESS = 3
    SUBMITTED = 4
    RELEASED = 5
    VOIDED = 6

    @property
    def is_started(self) -> bool:
        """Whether the learner has started the attempt."""
        return ProgressState.IN_PROGRESS <= self <= ProgressState.RELEASED

    @property
    def is_final(self) -> bool:
        """Whether no other state can follow, unless the session is reopened."""
        return self >= ProgressState.RELEASED


class WithdrawalState(StrEnum):
    """The states of an incomplete withdrawal of an authorisation.

    A withdrawal is complete when the progress is AWAITING_AUTHORIZATION again. ALREADY_STARTED means that the learner
    started the attempt before the withdrawal took effect.
    """

    PENDING = "pending"
    ALREADY_STARTED = "already_started"


@dataclass(frozen=True, slots=True)
class FinishedUnits:
    """The number of units of a course that a learner has finished."""

    course_id: UUID
    person_id: UUID
    count: int


@dataclass(frozen=True, slots=True)
class AttemptTime:
    """The time of an attempt in progress.

    `is_stopped` is True during a stop without a limit, such as a pause. `stopped_remaining` is then the remaining time,
    if the attempt has a time limit. `deadline_at` is None during such a stop, and for an attempt without a time limit.
    `returned` is the total time in which the clock was stopped by outages and by nothing else.
    """

    deadline_at: datetime | None = None
    is_stopped: bool = False
    stopped_remaining: timedelta | None = None
    returned: timedelta = timedelta()


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of one participant in one assessment.

    `position` is the position of the event that contained `answered_count`, and `state_position` is the position of the
    newest event about the state, except for authorisations. `authorization_revision` is the revision of the session in
    which the assessment was last authorised or the authorisation was last withdrawn. `withdrawal` is the state of an
    incomplete withdrawal, or None. `time_position` is the position of the event that contained `time`.
    """

    assessment_id: UUID
    attempt_id: UUID | None = None
    state: ProgressState = ProgressState.AWAITING_AUTHORIZATION
    answered_count: int = 0
    item_count: int = 0
    position: int = 0
    authorization_revision: int = 0
    withdrawal: WithdrawalState | None = None
    time: AttemptTime = AttemptTime()
    time_position: int = 0
    state_position: int = 0


@dataclass(frozen=True, slots=True)
class AttemptUpdate:
    """The update of a participant's progress by one event about an attempt.

    `position` is the position of the event among the events of the assessment service. `authorization_revision` is set
    if the event is the result of an authorisation or of a withdrawal. `is_restored` says whether the event restored a
    voided attempt.
    """

    attempt_id: UUID
    state: ProgressState
    position: int
    answered_count: int | None = None
    item_count: int | None = None
    authorization_revision: int | None = None
    time: AttemptTime | None = None
    is_restored: bool = False


def apply_update(progress: Progress, update: AttemptUpdate) -> Progress:
    """Return `progress` after the update.

    The result does not depend on the order of the updates. Among authorisations and withdrawals, the one with the
    greatest revision counts. A start overrides all of them. The state of a started or restored attempt is the state of
    the update with the highest position. An update by a newer attempt replaces the progress of an older attempt. The
    newer attempt is the attempt with the greater id, because ids sort by the time of creation.
    """
    if progress.attempt_id is not None and update.attempt_id < progress.attempt_id:
        return progress
    if progress.attempt_id is not None and update.attempt_id > progress.attempt_id:
        progress = Progress(progress.assessment_id)
    after = replace(_with_state(progress, update), attempt_id=update.attempt_id)
    if update.item_count is not None:
        after = replace(after, item_count=max(progress.item_count, update.item_count))
    if update.answered_count is not None and update.position > progress.position:
        after = replace(after, answered_count=update.answered_count, position=update.position)
    if update.time is not None and update.position > progress.time_position:
        after = replace(after, time=update.time, time_position=update.position)
    return after


def authorize(progress: Progress, revision: int) -> Progress:
    """Return the progress after the authorisation of the assessment in this revision of the session.

    An authorisation also replaces a pending withdrawal. Otherwise, the progress does not change if the assessment is
    already authorised or started.
    """
    if progress.state is ProgressState.AWAITING_AUTHORIZATION or _is_pending(progress):
        return _authorized(progress, ProgressState.AUTHORIZED, revision)
    return progress


def withdraw(progress: Progress, revision: int) -> Progress:
    """Return the progress after the authorisation was withdrawn in this revision of the session.

    The assessment service decides whether the withdrawal takes effect, so the state changes only when its event
    arrives.
    """
    if progress.state is not ProgressState.AUTHORIZED or _is_pending(progress):
        return progress
    return replace(progress, authorization_revision=revision, withdrawal=WithdrawalState.PENDING)


def _is_pending(progress: Progress) -> bool:
    return progress.withdrawal is WithdrawalState.PENDING


def _with_state(progress: Progress, update: AttemptUpdate) -> Progress:
    revision = update.authorization_revision
    if revision is None:
        return _with_newer_state(progress, update)
    if revision < progress.authorization_revision:
        return progress
    if progress.state > ProgressState.AUTHORIZED:
        return replace(progress, authorization_revision=revision)
    return _authorized(progress, update.state, revision)


def _with_newer_state(progress: Progress, update: AttemptUpdate) -> Progress:
    if update.position <= progress.state_position:
        return progress
    is_exact = update.state.is_started or update.is_restored
    state = update.state if is_exact else max(progress.state, update.state)
    is_decided = _is_pending(progress) and state > ProgressState.AUTHORIZED
    return replace(
        progress,
        state=state,
        state_position=update.position,
        withdrawal=_decided(state) if is_decided else progress.withdrawal,
    )


def _decided(state: ProgressState) -> WithdrawalState | None:
    return WithdrawalState.ALREADY_STARTED if state.is_started else None


def _authorized(progress: Progress, state: ProgressState, revision: int) -> Progress:
    return replace(progress, state=state, authorization_revision=revision, withdrawal=None)
