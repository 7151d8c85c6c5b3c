"""The progress of a participant in an assessment.

The progress is computed from events, which may be delayed, redelivered or reordered.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum
from uuid import UUID


class ProgressState(IntEnum):
    """The states of a participant's progress in an assessment. The progress never changes to a lower number.

    VOIDED means that the attempt was closed before its learner started it.
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
        """Whether no other state can follow."""
        return self >= ProgressState.RELEASED


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of one participant in one assessment.

    `position` is the position of the event that contained `answered_count`.
    """

    assessment_id: UUID
    attempt_id: UUID | None = None
    state: ProgressState = ProgressState.AWAITING_AUTHORIZATION
    answered_count: int = 0
    item_count: int = 0
    position: int = 0


@dataclass(frozen=True, slots=True)
class AttemptUpdate:
    """The update of a participant's progress by one event about an attempt.

    `position` is the position of the event among the events of the assessment service.
    """

    attempt_id: UUID
    state: ProgressState
    position: int
    answered_count: int | None = None
    item_count: int | None = None


def apply_update(progress: Progress, update: AttemptUpdate) -> Progress:
    """Return `progress` after the update.

    The state never goes back to an earlier state. The result does not depend on the order of the updates. An update by
    a newer attempt replaces the progress of an older attempt. The newer attempt is the attempt with the greater id,
    because ids sort by the time of creation.
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
