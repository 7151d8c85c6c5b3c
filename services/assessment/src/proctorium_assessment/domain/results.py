"""Results (`A10`): permanent, in versions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from proctorium_assessment.domain.scoring import ItemScore
from proctorium_common.errors import ServiceError, illegal_move, not_found


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
    certificate_id: UUID | None
    item_scores: tuple[ItemScore, ...] = ()


def unknown_result() -> ServiceError:
    """There is none, or it is another learner's: nobody learns which."""
    return not_found(
        "NOT_FOUND", "There is no such result, or it is not yours. Open it from your results."
    )


def not_released(state: str) -> ServiceError:
    """The learner has to wait."""
    return illegal_move(
        "The result of this assessment has not been released yet. You will be told when it is.",
        from_state=state,
        asked="read",
        possible=[],
        reason="RESULT_NOT_RELEASED",
    )
