"""The progress of a participant in an assessment, from events that may be late, repeated or out of order."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum
from uuid import UUID


class ProgressState(IntEnum):
    """The states of a participant's progress, which only increase. VOIDED: closed without having been started."""

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
        """Whether no other state follows."""
        return self >= ProgressState.RELEASED


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of one participant in one assessment. `position` is that of the event with the last counts."""

    assessment_id: UUID
    attempt_id: UUID | None = None
    state: ProgressState = ProgressState.AWAITING_AUTHORIZATION
    answered_count: int = 0
    item_count: int = 0
    position: int = 0


@dataclass(frozen=True, slots=True)
class AttemptUpdate:
    """The content of one event about an attempt. `position` orders the events of its service."""

    attempt_id: UUID
    state: ProgressState
    position: int
    answered_count: int | None = None
    item_count: int | None = None


def apply_update(progress: Progress, update: AttemptUpdate) -> Progress:
    """Return the progress after an update. It never goes backwards, and the order of the updates does not matter.

    A later attempt (ids sort by the time of their creation) replaces an earlier one.
    """
    if progress.attempt_id is not None and update.attempt_id < progress.attempt_id:
        return progress
    if progress.attempt_id is not None and update.attempt_id > progress.attempt_id:
        progress = Progress(progress.assessment_id)
    after = replace(progress, attempt_id=update.attempt_id, state=max(progress.state, update.state))
    if update.item_count is not None:
        after = replace(after, item_count=max(progress.item_count, update.item_count))
    if update.answered_count is not None and update.position > progress.position:
        after = replace(after, answered_count=update.answered_count, position=update.position)
    return after


def authorize(progress: Progress) -> Progress:
    """Return the progress after the authorisation of the assessment."""
    return replace(progress, state=max(progress.state, ProgressState.AUTHORIZED))
