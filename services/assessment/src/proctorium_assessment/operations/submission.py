"""Submission of attempts (`A8`, `A9`).

The transaction that submits a self-paced attempt also scores the attempt and releases its result. The attempts of a
session are scored later (`scoring.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

from google.protobuf.message import Message

from proctorium_assessment import events
from proctorium_assessment.domain.attempts import (
    ATTEMPT_STATES,
    SUBMITTED_STATES,
    Attempt,
    AttemptAction,
    SubmitCause,
    not_your_attempt,
    participant_removed,
    submit_cause,
)
from proctorium_assessment.domain.time_ledger import open_stops
from proctorium_assessment.operations.access import annotate_attempt, is_removed
from proctorium_assessment.operations.attempts import AttemptOverview, load_overviews
from proctorium_assessment.operations.ledgers import list_ledgers
from proctorium_assessment.operations.scoring import score_attempts, score_settled_attempts
from proctorium_assessment.operations.stops import record_changes_during_stop
from proctorium_assessment.storage import answers, attempts, sessions
from proctorium_common.storage.database import Database, Transaction
from proctorium_common.storage.idempotency import Responder

M = TypeVar("M", bound=Message)

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
    tx: Transaction,
    locked: Sequence[Attempt],
    cause: SubmitCause,
    submitted_at: datetime | None = None,
) -> Sequence[Attempt]:
    """Submit attempts in progress. The caller has locked the attempts' rows.

    Self-paced attempts are also scored. The attempts of a session are scored when the session is settled. The time of
    the submission is `submitted_at`, or now if it is None. The number of statements does not depend on the number of
    attempts.
    """
    if not locked:
        return ()
    submitted = [
        attempt.submit(cause, _submit_time(attempt, cause, submitted_at or tx.now))
        for attempt in locked
    ]
    await answers.count_late_revisions(
        tx, {attempt.attempt_id: _last_time(attempt, tx.now) for attempt in submitted}
    )
    await _report_open_stops(tx, locked)
    older = await answers.count_of_older_epochs(tx, [each.attempt_id for each in submitted])
    for attempt in submitted:
        if count := older.get(attempt.attempt_id):
            tx.record(events.attempt_saved_on_older_device(attempt, count))
    overviews = await load_overviews(tx, submitted)
    for overview in overviews:
        event = events.attempt_submitted(
            overview.attempt, overview.answered_count, overview.item_count
        )
        tx.record(event)
    in_session = [attempt for attempt in submitted if attempt.session_id is not None]
    await attempts.update_attempts(tx, in_session)
    # After an automatic end of a session, an attempt can be submitted later.
    session_ids = {each.session_id for each in in_session if each.session_id is not None}
    for session_id in await sessions.get_ends_of_sessions(tx, session_ids):
        await score_settled_attempts(tx, session_id)
    alone = [attempt for attempt in submitted if attempt.session_id is None]
    return [*in_session, *await score_attempts(tx, alone)]


def _submit_time(attempt: Attempt, cause: SubmitCause, at: datetime) -> datetime:
    """Return the time of a submission at `at`. The worker runs after the deadline, but then the deadline counts."""
    if cause is SubmitCause.TIME_LIMIT_EXCEEDED and attempt.deadline_at is not None:
        return min(at, attempt.deadline_at)
    return at


def _last_time(attempt: Attempt, now: datetime) -> datetime:
    """Return the last time at which an answer of a submitted attempt counts."""
    return min(each for each in (attempt.deadline_at, attempt.submitted_at, now) if each)


async def _report_open_stops(tx: Transaction, locked: Sequence[Attempt]) -> None:
    """Report the changes that were received during the stops in which the attempts are submitted."""
    stopped = [attempt for attempt in locked if attempt.is_paused or attempt.is_on_break]
    ledgers = await list_ledgers(tx, stopped)
    for attempt in stopped:
        for stop in open_stops(ledgers[attempt.attempt_id]):
            await record_changes_during_stop(tx, [attempt], stop, tx.now)
