"""Releases results to their learners and publishes that (`A9`, `A10`)."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from proctorium_assessment.domain.attempts import HANDED_IN, Attempt, State
from proctorium_assessment.domain.results import Result, not_scored, unknown_attempt
from proctorium_assessment.operations import facts
from proctorium_assessment.operations.courses import courses_of
from proctorium_assessment.storage import attempts, results
from proctorium_common.errors import not_allowed
from proctorium_common.rpc.caller import Caller
from proctorium_common.storage.database import Transaction


async def release(
    tx: Transaction, caller: Caller, attempt_ids: Sequence[UUID], reason: str
) -> Sequence[Result]:
    """Releases results that were held for a person to decide; answers all of them, in this order.

    Raises NOT_FOUND, INVALID_STATE_TRANSITION, and NOT_ALLOWED for the caller's own result.
    """
    by = caller.person_id
    if by is None:
        raise not_allowed("NOT_ALLOWED", "A result is released by a person.")
    held = [
        attempt for attempt in await _held(tx, attempt_ids) if attempt.state is not State.RELEASED
    ]
    if any(attempt.person_id == by for attempt in held):
        raise not_allowed(
            "NOT_ALLOWED",
            "One of these results is your own, so you cannot release it. Ask another administrator.",
        )
    released = [attempt.released(tx.now) for attempt in held]
    await attempts.update_all(tx, released)
    ids = [attempt.attempt_id for attempt in released]
    await results.add_releases(tx, ids, by=by, reason=reason)
    found = await results.newest_of(tx, attempt_ids)
    await follow_up(tx, [(attempt, found[attempt.attempt_id]) for attempt in released])
    return [found[each] for each in attempt_ids]


async def follow_up(tx: Transaction, released: Sequence[tuple[Attempt, Result]]) -> None:
    """Record the event of each release."""
    courses = await courses_of(
        tx, [(each.result_id, each.session_id, each.assessment_id) for _, each in released]
    )
    for attempt, result in released:
        tx.record(facts.released(attempt, result, courses.get(result.result_id)))


async def _held(tx: Transaction, attempt_ids: Sequence[UUID]) -> Sequence[Attempt]:
    """These attempts, held until the transaction ends, each with a result."""
    held = await attempts.hold_these(tx, attempt_ids)
    unknown = set(attempt_ids) - {attempt.attempt_id for attempt in held}
    if unknown:
        raise unknown_attempt(min(unknown))
    for attempt in held:
        if attempt.state not in HANDED_IN:
            raise not_scored(attempt.attempt_id, attempt.state.value)
    return held
