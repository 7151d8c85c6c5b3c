"""How far a participant is with an assessment: learned from events that may be late, doubled or out of order."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum
from uuid import UUID


class ProgressState(IntEnum):
    """How far; the order is that of an attempt's life, and nobody goes back. VOIDED is an end of its own: it was never started."""

    AWAITING_AUTHORIZATION = 1
    AUTHORIZED = 2
    IN_PROGRESS = 3
    SUBMITTED = 4
    RELEASED = 5
    VOIDED = 6

    @property
    def started(self) -> bool:
        """Whether the learner has started the attempt."""
        return ProgressState.IN_PROGRESS <= self <= ProgressState.RELEASED

    @property
    def final(self) -> bool:
        """Whether nothing follows."""
        return self >= ProgressState.RELEASED


@dataclass(frozen=True, slots=True)
class Progress:
    """One assessment of one participant. `position` is that of the last event whose counts were taken."""

    assessment_id: UUID
    attempt_id: UUID | None = None
    state: ProgressState = ProgressState.AWAITING_AUTHORIZATION
    answered_count: int = 0
    item_count: int = 0
    position: int = 0


@dataclass(frozen=True, slots=True)
class Told:
    """What one event tells of an attempt; `position` orders the events of its service."""

    attempt_id: UUID
    state: ProgressState
    position: int
    answered_count: int | None = None
    item_count: int | None = None


def told(known: Progress, news: Told) -> Progress:
    """`known` with the news: never backwards, the same in whatever order the news arrive.

    A later attempt (ids sort by the time they were made) takes the place of an earlier one and begins anew.
    """
    if known.attempt_id is not None and news.attempt_id < known.attempt_id:
        return known
    if known.attempt_id is not None and news.attempt_id > known.attempt_id:
        known = Progress(known.assessment_id)
    after = replace(known, attempt_id=news.attempt_id, state=max(known.state, news.state))
    if news.item_count is not None:
        after = replace(after, item_count=max(known.item_count, news.item_count))
    if news.answered_count is not None and news.position > known.position:
        after = replace(after, answered_count=news.answered_count, position=news.position)
    return after


def authorized(known: Progress) -> Progress:
    """`known` after the proctor's authorisation."""
    return replace(known, state=max(known.state, ProgressState.AUTHORIZED))
