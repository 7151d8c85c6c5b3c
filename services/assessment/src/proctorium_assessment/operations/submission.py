"""Handing in, and what follows at once: score, result, release (`A8`, `A9`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from proctorium_assessment.domain.answer_sheet import Revision
from proctorium_assessment.domain.assessments import Assessment
from proctorium_assessment.domain.attempts import (
    HANDED_IN,
    Attempt,
    Move,
    SubmitCause,
    after,
    released_by_itself,
    submit_cause,
)
from proctorium_assessment.domain.results import Result
from proctorium_assessment.domain.scoring import CountingAnswer, Score, score
from proctorium_assessment.operations import facts
from proctorium_assessment.operations.attempts import Overview, lock_owned, overviews
from proctorium_assessment.operations.releasing import follow_up
from proctorium_assessment.storage import answers, assessments, attempts, results
from proctorium_assessment.storage.items import answer_from_bytes
from proctorium_common.ids import new_id
from proctorium_common.storage.database import Transaction

_FIRST_VERSION = 1
_OVERDUE_AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class _HandedIn:
    attempt: Attempt
    assessment: Assessment
    result: Result
    answered_count: int


async def submit(tx: Transaction, person_id: UUID, attempt_id: UUID) -> Overview:
    """Hands the learner's attempt in; a handed-in one stays as it is. Raises NOT_YOUR_ATTEMPT, ATTEMPT_NOT_STARTED."""
    attempt = await lock_owned(tx, person_id, attempt_id)
    if attempt.state not in HANDED_IN:
        after(attempt.state, Move.SUBMIT)
        cause = submit_cause(attempt.deadline_at, tx.now)
        (attempt,) = await hand_in(tx, [attempt], cause)
    return (await overviews(tx, [attempt]))[0]


async def hand_in_overdue(tx: Transaction, grace: timedelta) -> int:
    """Hands in attempts whose time has been over for `grace`, and answers how many.

    The grace lets a save finish that came before the bell and waits for the commit of others; what comes after the bell is
    late all the same.
    """
    overdue = await attempts.hold_overdue(tx, tx.now - grace, _OVERDUE_AT_ONCE)
    await hand_in(tx, overdue, SubmitCause.TIME_LIMIT_EXCEEDED)
    return len(overdue)


async def hand_in(
    tx: Transaction, held: Sequence[Attempt], cause: SubmitCause
) -> Sequence[Attempt]:
    """Hands in attempts in progress, whose rows are held: scores them, makes their results permanent, releases them.

    Those of who was removed stay scored: they are not released, and earn no certificate, until a person decides.
    The number of statements does not depend on how many there are.
    """
    if not held:
        return ()
    ids = [attempt.attempt_id for attempt in held]
    known = await assessments.find_all(tx, [attempt.assessment_id for attempt in held])
    counting = await answers.counting(tx, ids)
    done = [
        _handed_in(
            attempt,
            known[attempt.assessment_id],
            counting.get(attempt.attempt_id, ()),
            cause,
            tx.now,
        )
        for attempt in held
    ]
    await attempts.update_all(tx, [each.attempt for each in done])
    await results.add_all(tx, [each.result for each in done])
    for each in done:
        tx.record(facts.submitted(each.attempt, each.answered_count, each.assessment.item_count))
    await follow_up(
        tx, [(each.attempt, each.result) for each in done if each.result.released_at is not None]
    )
    return [each.attempt for each in done]


def _handed_in(
    attempt: Attempt,
    assessment: Assessment,
    counting: Sequence[Revision],
    cause: SubmitCause,
    now: datetime,
) -> _HandedIn:
    at = now
    if cause is SubmitCause.TIME_LIMIT_EXCEEDED and attempt.deadline_at is not None:
        at = min(now, attempt.deadline_at)  # the bell counts, not whose turn it was to notice
    submitted = attempt.handed_in(cause, at)
    given = {
        revision.item_id: CountingAnswer(revision.sequence, answer_from_bytes(revision.answer))
        for revision in counting
    }
    scored = score(assessment.items, given, assessment.pass_mark)
    # Everything is scored by the machine, and released as soon as it is scored unless a person has to decide.
    done = submitted.scored()
    if released_by_itself(cause):
        done = done.released(now)
    return _HandedIn(
        done,
        assessment,
        _result(done, assessment, scored, now),
        sum(1 for revision in counting if revision.answer),
    )


def _result(attempt: Attempt, assessment: Assessment, scored: Score, now: datetime) -> Result:
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
