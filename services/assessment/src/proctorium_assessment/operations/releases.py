"""Releasing results to their learners (`A9`, `A10`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar
from uuid import UUID

from google.protobuf.message import Message

from proctorium_assessment.domain.attempts import Attempt, AttemptState
from proctorium_assessment.domain.results import (
    Result,
    attempt_not_found,
    attempt_not_scored,
    session_reopenable,
)
from proctorium_assessment.operations.scoring import record_releases, score_attempts
from proctorium_assessment.storage import attempts, results, sessions
from proctorium_common.errors import not_allowed
from proctorium_common.rpc.caller import Caller
from proctorium_common.storage.database import Database, Transaction
from proctorium_common.storage.idempotency import Responder

M = TypeVar("M", bound=Message)

_SCORED_STATES = frozenset({AttemptState.SCORED, AttemptState.RELEASED})


async def release(
    database: Database,
    caller: Caller,
    attempt_ids: Sequence[UUID],
    reason: str,
    responder: Responder[Sequence[Result], M],
) -> M:
    """Release the results of the attempts. Results that are released already do not change.

    After the end of the session, a submitted attempt is scored first, even if a time event is missing. So no lost event
    can hold a result permanently. The response contains the results in the order of `attempt_ids`. Raises NOT_FOUND or
    INVALID_STATE_TRANSITION. Raises NOT_ALLOWED if one of the attempts is the caller's own.
    """
    person_id = caller.person_id
    if person_id is None:
        raise not_allowed("NOT_ALLOWED", "A result is released by a person.")

    async def run(tx: Transaction) -> Sequence[Result]:
        locked = await _lock_attempts(tx, attempt_ids)
        held = [attempt for attempt in locked if attempt.state is not AttemptState.RELEASED]
        if any(attempt.person_id == person_id for attempt in held):
            raise not_allowed(
                "NOT_ALLOWED",
                "One of these results is your own, so you cannot release it. Ask another administrator.",
            )
        # The database refuses the score of an attempt whose session is not settled without the row of the release.
        ids = [attempt.attempt_id for attempt in held]
        await results.insert_releases(tx, ids, released_by=person_id, reason=reason)
        unscored = [attempt for attempt in held if attempt.state is AttemptState.SUBMITTED]
        scored = [each for each in held if each.state is AttemptState.SCORED]
        scored += await score_attempts(tx, unscored, release=False)
        released = [attempt.release(tx.now) for attempt in scored]
        await attempts.update_attempts(tx, released)
        newest = await results.get_newest_results(tx, attempt_ids)
        await record_releases(tx, [(attempt, newest[attempt.attempt_id]) for attempt in released])
        return [newest[each] for each in attempt_ids]

    return await database.respond(responder, run)


async def _lock_attempts(tx: Transaction, attempt_ids: Sequence[UUID]) -> Sequence[Attempt]:
    """Lock the rows of the attempts and return the attempts. Raises NOT_FOUND, INVALID_STATE_TRANSITION."""
    locked = await attempts.lock_attempts(tx, attempt_ids)
    unknown = set(attempt_ids) - {attempt.attempt_id for attempt in locked}
    if unknown:
        raise attempt_not_found(min(unknown))
    session_ids = {each.session_id for each in locked if each.session_id is not None}
    ends = await sessions.get_ends_of_sessions(tx, session_ids)
    held_ids = await sessions.list_held_ids(tx, session_ids)
    for attempt in locked:
        if attempt.session_id in held_ids:
            raise session_reopenable(attempt.attempt_id, attempt.state)
        can_be_scored = attempt.state is AttemptState.SUBMITTED and attempt.session_id in ends
        if attempt.state not in _SCORED_STATES and not can_be_scored:
            raise attempt_not_scored(attempt.attempt_id, attempt.state)
    return locked
