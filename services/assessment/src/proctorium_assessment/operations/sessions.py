"""What sessions mean for attempts. Events come late, doubled and out of order: each of these can come at any time, any number of times."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from proctorium_assessment.domain.attempts import NEVER_STARTED, Attempt, State, SubmitCause
from proctorium_assessment.operations import facts
from proctorium_assessment.operations.submission import hand_in
from proctorium_assessment.storage import assessments, attempts, sessions
from proctorium_common.ids import new_id
from proctorium_common.storage.database import Transaction
from proctorium_common.telemetry.logs import get_logger
from proctorium_common.telemetry.traces import annotate

_log = get_logger()


async def scheduled(
    tx: Transaction, session_id: UUID, course_id: UUID | None, proctor_ids: Collection[UUID]
) -> None:
    """Keeps who may see the session's attempts, and which course they belong to."""
    await sessions.remember_scheduled(tx, session_id, course_id, proctor_ids)


async def joined(
    tx: Transaction,
    *,
    session_id: UUID,
    participant_id: UUID,
    person_id: UUID,
    course_id: UUID | None,
    assessment_ids: Sequence[UUID],
) -> None:
    """Makes the participant's attempts, one for each assessment of the session that has none yet."""
    if await _is_over(tx, session_id, participant_id, course_id):
        return
    known = await assessments.describe_all(tx, assessment_ids)
    for assessment_id in assessment_ids:
        attempt = Attempt.in_session(
            new_id(),
            assessment_id=assessment_id,
            person_id=person_id,
            session_id=session_id,
            participant_id=participant_id,
            now=tx.now,
        )
        if await attempts.add(tx, attempt):
            described = known.get(assessment_id)
            tx.record(facts.created(attempt, described.item_count if described else 0))


async def ready(tx: Transaction, participant_id: UUID) -> None:
    """Note that the participant has everything that the session's policy demands."""
    await sessions.save_ready(tx, participant_id)


async def authorized(
    tx: Transaction,
    *,
    session_id: UUID,
    participant_id: UUID,
    person_id: UUID,
    assessment_id: UUID,
) -> None:
    """Lets the learner begin; makes the attempt first where the joining has not been told yet."""
    await joined(
        tx,
        session_id=session_id,
        participant_id=participant_id,
        person_id=person_id,
        course_id=None,
        assessment_ids=[assessment_id],
    )
    attempt = await attempts.find_in_session(tx, session_id, person_id, assessment_id)
    if attempt is not None and attempt.state is State.AWAITING_AUTHORIZATION:
        annotate(attempt_id=attempt.attempt_id)
        allowed = attempt.authorized()
        await attempts.update_all(tx, [allowed])
        tx.record(facts.authorized(allowed))


async def removed(tx: Transaction, *, session_id: UUID, participant_id: UUID) -> None:
    """Hands in what the participant had begun, whose results a person decides about, and closes what they had not."""
    await sessions.hold(tx, session_id)
    await sessions.remember_removed(tx, participant_id)
    unfinished = await attempts.hold_unfinished(tx, participant_id=participant_id)
    await _close(tx, unfinished, SubmitCause.REMOVED)


async def ended(
    tx: Transaction, *, session_id: UUID, course_id: UUID | None, ended_at: datetime
) -> None:
    """Hands in every attempt that was begun, with everything that was saved, and closes the others (`S16`)."""
    await sessions.remember_ended(tx, session_id, course_id, ended_at)
    unfinished = await attempts.hold_unfinished(tx, session_id=session_id)
    await _close(tx, unfinished, SubmitCause.SESSION_ENDED)


async def _close(tx: Transaction, unfinished: Sequence[Attempt], cause: SubmitCause) -> None:
    in_time: list[Attempt] = []
    overdue: list[Attempt] = []
    for attempt in unfinished:
        if attempt.state is State.IN_PROGRESS:
            over = attempt.deadline_at is not None and attempt.deadline_at < tx.now
            (overdue if over else in_time).append(attempt)
    await hand_in(tx, in_time, cause)
    # The bell had rung before: that is what handed these in, and the worker had not come round yet.
    await hand_in(tx, overdue, SubmitCause.TIME_LIMIT_EXCEEDED)
    never = [attempt.voided() for attempt in unfinished if attempt.state in NEVER_STARTED]
    await attempts.update_all(tx, never)
    for attempt in never:
        tx.record(facts.voided(attempt))


async def _is_over(
    tx: Transaction, session_id: UUID, participant_id: UUID, course_id: UUID | None
) -> bool:
    """Whether the session is over for the participant; what is known of the session is held."""
    over = await sessions.hold(tx, session_id, course_id) or await sessions.is_removed(
        tx, participant_id
    )
    if over:
        _log.info(
            "late_event_ignored", session_id=str(session_id), participant_id=str(participant_id)
        )
    return over
