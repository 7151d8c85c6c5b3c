"""Assessments: items, time limit and pass mark (`A2`)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from proctorium_assessment.domain.items import Item
from proctorium_common.errors import ServiceError, invalid_transition, not_found


@dataclass(frozen=True, slots=True, eq=False)
class Assessment:
    """An assessment. `items` is empty if the assessment was read without its items.

    Assessments are compared by object identity, so that an assessment can be the key of a cache.
    """

    assessment_id: UUID
    title: str
    proctored: bool
    time_limit: timedelta | None
    pass_mark: float
    items: tuple[Item, ...]
    item_count: int
    published_at: datetime | None = None


def assessment_not_found() -> ServiceError:
    """Return the error for an assessment that does not exist."""
    return not_found(
        "NOT_FOUND", "There is no such assessment. Check the address, or open it from its course."
    )


def assessment_not_published() -> ServiceError:
    """Return the error for creating or starting an attempt at an assessment that is not published."""
    return invalid_transition(
        "This assessment has not been published yet. Please tell your proctor or administrator.",
        from_state="draft",
        action="start",
        possible=["publish"],
        reason="ASSESSMENT_NOT_PUBLISHED",
    )


def assessment_is_proctored() -> ServiceError:
    """Return the error for creating an attempt at a proctored assessment outside a session."""
    return invalid_transition(
        "This assessment is taken in a proctored session. Enter your enrollment code to join it.",
        from_state="proctored",
        action="create",
        possible=["join"],
        reason="ASSESSMENT_IS_PROCTORED",
    )


def learner_not_registered() -> ServiceError:
    """Return the error for a learner who is not registered in a self-paced course that has the assessment."""
    return invalid_transition(
        "You are not registered in a self-paced course with this assessment. If you were registered just now, try again "
        "in a moment; otherwise ask your administrator to register you.",
        from_state="not_registered",
        action="create",
        possible=[],
        reason="LEARNER_NOT_REGISTERED",
    )


def attempt_already_taken() -> ServiceError:
    """Return the error for a second attempt at an assessment."""
    return invalid_transition(
        "You have already started or submitted an attempt at this assessment, and its result is permanent. "
        "Find it among your attempts and results.",
        from_state="started",
        action="start",
        possible=[],
        reason="ATTEMPT_ALREADY_TAKEN",
    )
