"""Releasing results to their learners (`A9`, `A10`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar
from uuid import UUID

from google.protobuf.message import Message

from proctorium_assessment import events
from proctorium_assessment.domain.attempts import SUBMITTED_STATES, Attempt, AttemptState
from proctorium_assessment.domain.results import Result, attempt_not_found, attempt_not_scored
from proctorium_assessment.operations.courses import get_courses_of_results
from proctorium_assessment.storage import attempts, results
from proctorium_common.errors import not_allowed
from proctorium_common.rpc.caller import Caller
from proctorium_common.storage.database import Database, Transaction
from proctorium_common.storage.idempotency import Responder

M = TypeVar("M", bound=Message)


async def release(
    database: Database,
    caller: Caller,
    attempt_ids: Sequence[UUID],
    reason: str,
    responder: Responder[Sequence[Result], M],
) -> M:
    """Release the results of the attempts. Results that are released already do not change.

    The response has the results in the order of `attempt_ids`. Raises NOT_FOUND or INVALID_STATE_TRANSITION. Raises
    NOT_ALLOWED if one of the attempts is the caller's own.
    """
    person_id = caller.person_id
    if person_id is None:
        raise not_allowed("NOT_ALLOWED", "A result is released by a person.")

    async def run(tx: Transaction) -> Sequence[Result]:
        locked = await _lock_scored_attempts(tx, attempt_ids)
        scored = [attempt for attempt in locked if attempt.state is not AttemptState.RELEASED]
        if any(attempt.person_id == person_id for attempt in scored):
            raise not_allowed(
                "NOT_ALLOWED",
                "One of these results is your own, so you cannot release it. Ask another administrator.",
            )
        released = [attempt.release(tx.now) for attempt in scored]
        await attempts.update_attempts(tx, released)
        ids = [attempt.attempt_id for attempt in released]
        await results.insert_releases(tx, ids, released_by=person_id, reason=reason)
        newest = await results.get_newest_results(tx, attempt_ids)
        await record_releases(tx, [(attempt, newest[attempt.attempt_id]) for attempt in released])
        return [newest[each] for each in attempt_ids]

    return await database.respond(responder, run)


async def record_releases(tx: Transaction, released: Sequence[tuple[Attempt, Result]]) -> None:
    """Record an event for each released result."""
    courses = await get_courses_of_results(
        tx, [(each.result_id, each.session_id, each.assessment_id) for _, each in released]
    )
    for attempt, result in released:
        tx.record(events.result_released(attempt, result, courses.get(result.result_id)))


async def _lock_scored_attempts(tx: Transaction, attempt_ids: Sequence[UUID]) -> Sequence[Attempt]:
    """Lock the rows of the attempts and return the attempts. Raises NOT_FOUND, INVALID_STATE_TRANSITION."""
    locked = await attempts.lock_attempts(tx, attempt_ids)
    unknown = set(attempt_ids) - {attempt.attempt_id for attempt in locked}
    if unknown:
        raise attempt_not_found(min(unknown))
    for attempt in locked:
        if attempt.state not in SUBMITTED_STATES:
            raise attempt_not_scored(attempt.attempt_id, attempt.state)
    return locked
