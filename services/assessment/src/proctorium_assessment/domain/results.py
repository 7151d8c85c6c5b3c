"""Results of attempts. A result never changes. A correction adds a new version of the result (`A10`)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from proctorium_assessment.domain.scoring import ItemScore
from proctorium_common.errors import Kind, ServiceError, invalid_transition, not_found


@dataclass(frozen=True, slots=True)
class Result:
    """One version of an attempt's result. `item_scores` is empty if the result was read without its item scores."""

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


def result_not_found() -> ServiceError:
    """Return the error for a result that the caller cannot see. The error does not reveal whether the result exists."""
    return not_found(
        "NOT_FOUND", "There is no such result, or it is not yours. Open it from your results."
    )


def attempt_not_found(attempt_id: UUID) -> ServiceError:
    """Return the error for releasing the result of an attempt that does not exist."""
    return not_found(
        "NOT_FOUND",
        "One of these attempts does not exist, so nothing was released. List the session's attempts, and name those.",
        attempt_id=str(attempt_id),
    )


def attempt_not_scored(attempt_id: UUID, state: str) -> ServiceError:
    """Return the error for releasing the result of an attempt that has not been scored."""
    return ServiceError(
        Kind.INVALID_STATE_TRANSITION,
        "INVALID_STATE_TRANSITION",
        "One of these attempts has no result yet, so nothing was released. An attempt has a result after its submission and the end of its session. Leave it out, or wait.",
        metadata={
            "from": state,
            "action": "release",
            "possible": "",
            "attempt_id": str(attempt_id),
        },
    )


def session_reopenable(attempt_id: UUID, state: str) -> ServiceError:
    """Return the error for releasing a result while the proctors can reopen the session."""
    return ServiceError(
        Kind.INVALID_STATE_TRANSITION,
        "INVALID_STATE_TRANSITION",
        "The proctors can still reopen the session of one of these attempts, so nothing was released. Try again in a few minutes.",
        metadata={
            "from": state,
            "action": "release",
            "possible": "",
            "attempt_id": str(attempt_id),
        },
    )


def result_not_released(state: str) -> ServiceError:
    """Return the error for reading a result before its release."""
    return invalid_transition(
        "The result of this assessment has not been released yet. You will get a message when it is.",
        from_state=state,
        action="read",
        possible=[],
        reason="RESULT_NOT_RELEASED",
    )
