"""Submission of attempts (`A8`, `A9`).

The transaction that submits an attempt also scores the attempt and releases its result.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

from google.protobuf.message import Message

from proctorium_assessment import events
from proctorium_assessment.domain.answer_sheet import Revision
from proctorium_assessment.domain.assessments import Assessment
from proctorium_assessment.domain.attempts import (
    ATTEMPT_STATES,
    SUBMITTED_STATES,
    Attempt,
    AttemptAction,
    SubmitCause,
    is_released_automatically,
    not_your_attempt,
    participant_removed,
    submit_cause,
)
from proctorium_assessment.domain.results import Result
from proctorium_assessment.domain.scoring import CountingAnswer, score
from proctorium_assessment.operations.access import annotate_attempt, is_removed
from proctorium_assessment.operations.assessments import load_assessments
from proctorium_assessment.operations.attempts import AttemptOverview, load_overviews
from proctorium_assessment.operations.releases import record_releases
from proctorium_assessment.serialization import answer_from_bytes
from proctorium_assessment.storage import answers, attempts, results
from proctorium_common.ids import new_id
from proctorium_common.storage.database import Database, Transaction
from proctorium_common.storage.idempotency import Responder

M = TypeVar("M", bound=Message)

_FIRST_VERSION = 1
_OVERDUE_BATCH = 50


async def submit(
    database: Database,
    person_id: UUID,
    attempt_id: UUID,
    responder: Responder[AttemptOverview, M],
) -> M:
    """Submit the learner's attempt. If the attempt is submitted already, nothing changes.

    Raises NOT_YOUR_ATTEMPT, ATTEMPT_NOT_STARTED, PARTICIPANT_REMOVED.
    """

    async def run(tx: Transaction) -> AttemptOverview:
        attempt = await attempts.lock_attempt(tx, attempt_id)
        if attempt is None or attempt.person_id != person_id:
            raise not_your_attempt()
        annotate_attempt(attempt)
        if attempt.state not in SUBMITTED_STATES:
            ATTEMPT_STATES.target(attempt.state, AttemptAction.SUBMIT)
            if await is_removed(tx, attempt):
                raise participant_removed(attempt.state, AttemptAction.SUBMIT)
            cause = submit_cause(attempt.deadline_at, tx.now)
            (attempt,) = await submit_attempts(tx, [attempt], cause)
        return (await load_overviews(tx, [attempt]))[0]

    return await database.respond(responder, run)


async def submit_overdue(tx: Transaction, grace: timedelta) -> int:
    """Submit attempts whose deadline was at least `grace` ago, and return the number of these attempts.

    Saves that were received before the deadline can still finish during `grace`. A save that is received after the
    deadline is always late.
    """
    overdue = await attempts.lock_overdue_attempts(tx, tx.now - grace, _OVERDUE_BATCH)
    await submit_attempts(tx, overdue, SubmitCause.TIME_LIMIT_EXCEEDED)
    return len(overdue)


async def submit_attempts(
    tx: Transaction, locked: Sequence[Attempt], cause: SubmitCause
) -> Sequence[Attempt]:
    """Submit and score attempts in progress, and release their results. The caller has locked the attempts' rows.

    The result of a learner who is removed is not released, because an administrator decides about the release. The
    number of statements does not depend on the number of attempts.
    """
    if not locked:
        return ()
    known = await load_assessments(tx, [attempt.assessment_id for attempt in locked])
    revisions = await answers.list_counting_revisions(
        tx, [attempt.attempt_id for attempt in locked]
    )
    scored: list[tuple[Attempt, Result]] = []
    for attempt in locked:
        assessment = known[attempt.assessment_id]
        counting = revisions.get(attempt.attempt_id, ())
        at = tx.now
        if cause is SubmitCause.TIME_LIMIT_EXCEEDED and attempt.deadline_at is not None:
            # The worker runs after the deadline, but the time of the submission is the deadline.
            at = min(at, attempt.deadline_at)
        submitted = attempt.submit(cause, at).score()
        if is_released_automatically(cause):
            submitted = submitted.release(tx.now)
        scored.append((submitted, _result(submitted, assessment, counting, tx.now)))
        answered_count = sum(1 for revision in counting if revision.answer)
        tx.record(events.attempt_submitted(submitted, answered_count, assessment.item_count))
    await attempts.update_attempts(tx, [attempt for attempt, _ in scored])
    await results.insert_results(tx, [result for _, result in scored])
    await record_releases(tx, [each for each in scored if each[1].released_at is not None])
    return [attempt for attempt, _ in scored]


def _result(
    attempt: Attempt, assessment: Assessment, counting: Sequence[Revision], now: datetime
) -> Result:
    """Return the first version of the attempt's result."""
    counting_answers = {
        revision.item_id: CountingAnswer(revision.sequence, answer_from_bytes(revision.answer))
        for revision in counting
    }
    scored = score(assessment.items, counting_answers, assessment.pass_mark)
    return Result(
        result_id=new_id(),
        attempt_id=attempt.attempt_id,
        version=_FIRST_VERSION,
        assessment_id=assessment.assessment_id,
        title=assessment.title,
        person_id=attempt.person_id,
        session_id=attempt.session_id,
        points=scored.points,
        points_possible=scored.points_possible,
        passed=scored.passed,
        scored_at=now,
        released_at=attempt.released_at,
        item_scores=scored.items,
    )
