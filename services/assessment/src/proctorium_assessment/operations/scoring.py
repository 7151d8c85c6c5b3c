"""Scoring submitted attempts (`A9`).

A self-paced attempt is scored when it is submitted. The attempts of a session are provisional until the session is
settled, which means that it has ended and all time events counted in `session.ended` were applied.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from proctorium_assessment import events
from proctorium_assessment.domain.answer_sheet import Revision
from proctorium_assessment.domain.assessments import Assessment
from proctorium_assessment.domain.attempts import Attempt, is_released_automatically
from proctorium_assessment.domain.results import Result
from proctorium_assessment.domain.scoring import CountingAnswer, score
from proctorium_assessment.operations.assessments import load_assessments
from proctorium_assessment.operations.courses import get_courses_of_results
from proctorium_assessment.serialization import answer_from_bytes
from proctorium_assessment.storage import answers, attempts, results, sessions, time_events
from proctorium_common.ids import new_id
from proctorium_common.storage.database import Transaction

_FIRST_VERSION = 1


async def count_time_event(
    tx: Transaction, event_id: UUID, session_id: UUID, participant_id: UUID | None
) -> None:
    """Store that a time event was applied, and score the attempts for which it was the last missing event."""
    await sessions.lock_session(tx, session_id)
    await time_events.insert_applied_event(tx, event_id, session_id, participant_id)
    await score_settled_attempts(tx, session_id)


async def score_settled_attempts(tx: Transaction, session_id: UUID) -> None:
    """Score those submitted attempts of a session for whose participants the session is settled.

    The caller has locked the session's row.
    """
    if await sessions.is_session_over(tx, session_id):
        await score_attempts(tx, await attempts.lock_settled_attempts(tx, session_id))


async def score_attempts(
    tx: Transaction, submitted: Sequence[Attempt], *, release: bool = True
) -> Sequence[Attempt]:
    """Score submitted attempts, and release their results unless `release` is False.

    The result of a removed learner is not released, because an administrator decides about the release. The number of
    statements does not depend on the number of attempts. The caller has locked the attempts' rows.
    """
    if not submitted:
        return ()
    known = await load_assessments(tx, [attempt.assessment_id for attempt in submitted])
    revisions = await answers.list_counting_revisions(
        tx, [attempt.attempt_id for attempt in submitted]
    )
    participants = {each.participant_id for each in submitted if each.participant_id is not None}
    removed_ids = await sessions.list_removed_ids(tx, participants)
    scored: list[tuple[Attempt, Result]] = []
    for attempt in submitted:
        after = attempt.score()
        if release and is_released_automatically(attempt, attempt.participant_id in removed_ids):
            after = after.release(tx.now)
        counting = revisions.get(attempt.attempt_id, ())
        scored.append((after, _result(after, known[attempt.assessment_id], counting, tx.now)))
    await attempts.update_attempts(tx, [attempt for attempt, _ in scored])
    await results.insert_results(tx, [result for _, result in scored])
    await record_releases(tx, [each for each in scored if each[1].released_at is not None])
    return [attempt for attempt, _ in scored]


async def record_releases(tx: Transaction, released: Sequence[tuple[Attempt, Result]]) -> None:
    """Record an event for each released result."""
    courses = await get_courses_of_results(
        tx, [(each.result_id, each.session_id, each.assessment_id) for _, each in released]
    )
    for attempt, result in released:
        tx.record(events.result_released(attempt, result, courses.get(result.result_id)))


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
