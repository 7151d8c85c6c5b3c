"""Results (`A10`): permanent, in versions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from proctorium_assessment.domain.scoring import ItemScore
from proctorium_common.errors import Kind, ServiceError, invalid_transition, not_found


@dataclass(frozen=True, slots=True)
class Result:
    """One version of an attempt's result; `item_scores` is empty where only the sum was asked for."""

    result_id: UUID
    attempt_id: UUID
    version: int
    assessment_id: UUID
    title: str
    person_id: UUID
    session_id: UUID | None
    points: float
    points_possible: float
    passed: bool
    scored_at: datetime
    released_at: datetime | None
    item_scores: tuple[ItemScore, ...] = ()


def unknown_result() -> ServiceError:
    """There is none, or it is another learner's: nobody learns which."""
    return not_found(
        "NOT_FOUND", "There is no such result, or it is not yours. Open it from your results."
    )


def unknown_attempt(attempt_id: UUID) -> ServiceError:
    """There is none whose result could be released."""
    return not_found(
        "NOT_FOUND",
        "One of these attempts does not exist, so nothing was released. List the session's attempts, and name those.",
        attempt_id=str(attempt_id),
    )


def not_scored(attempt_id: UUID, state: str) -> ServiceError:
    """Nothing was handed in that could have a result."""
    return ServiceError(
        Kind.INVALID_STATE_TRANSITION,
        "INVALID_STATE_TRANSITION",
        "One of these attempts has not been submitted, so it has no result and nothing was released. Leave it out, or wait until it is.",
        metadata={"from": state, "asked": "release", "possible": "", "attempt_id": str(attempt_id)},
    )


def not_released(state: str) -> ServiceError:
    """The learner has to wait."""
    return invalid_transition(
        "The result of this assessment has not been released yet. You will be told when it is.",
        from_state=state,
        asked="read",
        possible=[],
        reason="RESULT_NOT_RELEASED",
    )
