"""Assessments (`A2`): questions, limits, and what a pass is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from proctorium_assessment.domain.items import Item
from proctorium_common.errors import ServiceError, invalid_transition, not_found


@dataclass(frozen=True, slots=True, eq=False)
class Assessment:
    """An assessment; `items` is empty where only its description is read, `item_count` never is.

    Two of them are never compared by value, so that what is derived from one is cached by the object itself.
    """

    assessment_id: UUID
    title: str
    proctored: bool
    time_limit: timedelta | None
    pass_mark: float
    items: tuple[Item, ...]
    item_count: int
    published_at: datetime | None = None


def unknown_assessment() -> ServiceError:
    """There is no such assessment, or the caller may not see it."""
    return not_found(
        "NOT_FOUND", "There is no such assessment. Check the address, or open it from its course."
    )


def not_published() -> ServiceError:
    """It cannot be taken yet."""
    return invalid_transition(
        "This assessment has not been published yet. Please tell your proctor or administrator.",
        from_state="draft",
        asked="begin",
        possible=["publish"],
        reason="ASSESSMENT_NOT_PUBLISHED",
    )


def proctored_only() -> ServiceError:
    """It is taken in a session."""
    return invalid_transition(
        "This assessment is taken in a proctored session. Enter your enrollment code to join it.",
        from_state="proctored",
        asked="create",
        possible=["join"],
        reason="ASSESSMENT_IS_PROCTORED",
    )


def not_registered() -> ServiceError:
    """Whoever takes it alone is registered for it."""
    return invalid_transition(
        "You are not registered in a self-paced course with this assessment. If you were registered just now, try again "
        "in a moment; otherwise ask your administrator to register you.",
        from_state="not-registered",
        asked="create",
        possible=[],
        reason="LEARNER_NOT_REGISTERED",
    )


def attempt_already_taken() -> ServiceError:
    """The learner has taken it, or is at it elsewhere."""
    return invalid_transition(
        "You have already begun or submitted an attempt at this assessment, and its result is permanent. "
        "Find it among your attempts and results.",
        from_state="begun",
        asked="begin another",
        possible=[],
        reason="ATTEMPT_ALREADY_TAKEN",
    )
