"""Creating, authorising and closing attempts when events of sessions arrive.

The events may arrive late, repeatedly and in any order.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from proctorium_assessment import events
from proctorium_assessment.domain.attempts import (
    UNSTARTED_STATES,
    Attempt,
    AttemptState,
    SubmitCause,
)
from proctorium_assessment.operations.ledgers import list_ledgers
from proctorium_assessment.operations.scoring import score_settled_attempts
from proctorium_assessment.operations.submission import submit_attempts
from proctorium_assessment.storage import assessments, attempts, sessions, time_events
from proctorium_common.events.handling import EventMetadata
from proctorium_common.ids import new_id
from proctorium_common.storage.database import Transaction
from proctorium_common.telemetry.logs import get_logger
from proctorium_common.telemetry.traces import annotate

_log = get_logger()


@dataclass(frozen=True, slots=True)
class TimeEventCounts:
    """The number of time events of a session, and of each participant who has time events, by participant id."""

    of_session: int
    by_participant: Mapping[UUID, int]


async def store_course(tx: Transaction, session_id: UUID, course_id: UUID | None) -> None:
    """Store the course of the session."""
    await sessions.upsert_course(tx, session_id, course_id)


async def store_proctors(
    tx: Transaction, session_id: UUID, proctor_ids: Collection[UUID], *, position: int
) -> None:
    """Store the proctors of the session from the event at `position`, unless a later event has set them."""
    await sessions.upsert_proctors(tx, session_id, proctor_ids, position=position)


async def store_closing(
    tx: Transaction, session_id: UUID, *, is_closing: bool, position: int
) -> None:
    """Store whether the session is closing, unless the stored value comes from a later event.

    `position` is the position of the event to apply.
    """
    await sessions.upsert_closing(tx, session_id, is_closing=is_closing, position=position)


async def create_attempts(
    tx: Transaction,
    *,
    session_id: UUID,
    participant_id: UUID,
    person_id: UUID,
    course_id: UUID | None,
    assessment_ids: Sequence[UUID],
) -> None:
    """Create an attempt of the participant at each assessment, unless the attempt already exists.

    No attempt is created if the session is over, or was ended for the participant.
    """
    ended_at = await sessions.lock_session(tx, session_id, course_id)
    if ended_at is not None or await sessions.is_participant_ended(tx, participant_id):
        _log.info(
            "late_event_ignored", session_id=str(session_id), participant_id=str(participant_id)
        )
        return
    described = await assessments.get_descriptions(tx, assessment_ids)
    new = [
        Attempt.in_session(
            new_id(),
            assessment_id=assessment_id,
            person_id=person_id,
            session_id=session_id,
            participant_id=participant_id,
            now=tx.now,
        )
        for assessment_id in assessment_ids
    ]
    ledgers = await list_ledgers(tx, new)
    for assessment_id, untimed in zip(assessment_ids, new, strict=True):
        attempt = untimed.with_time(ledgers[untimed.attempt_id])
        if await attempts.insert_attempt(tx, attempt):
            assessment = described.get(assessment_id)
            tx.record(events.attempt_created(attempt, assessment.item_count if assessment else 0))


async def store_ready_participant(tx: Transaction, participant_id: UUID) -> None:
    """Store that the participant meets the session's policy."""
    await sessions.insert_ready_participant(tx, participant_id)


async def authorize_attempt(
    tx: Transaction,
    *,
    session_id: UUID,
    participant_id: UUID,
    person_id: UUID,
    assessment_id: UUID,
    revision: int,
) -> None:
    """Authorise the participant's attempt.

    `revision` is the revision of the session in which the assessment was authorised. A later withdrawal stays valid.
    """
    attempt = await _lock_attempt(tx, session_id, participant_id, person_id, assessment_id)
    if attempt is None:
        return
    authorized = attempt.authorize(revision)
    await _update_authorization(tx, attempt, authorized)
    if authorized.state is not attempt.state:
        tx.record(events.attempt_authorized(authorized))


async def withdraw_authorization(
    tx: Transaction,
    *,
    session_id: UUID,
    participant_id: UUID,
    person_id: UUID,
    assessment_id: UUID,
    revision: int,
) -> None:
    """Withdraw the authorisation of the participant's attempt, unless the attempt was started.

    `revision` is the revision of the session in which the authorisation was withdrawn. A later authorisation stays
    valid. If the withdrawal arrives before the authorisation, it is still applied and published, because session
    orchestration waits for the result.
    """
    attempt = await _lock_attempt(tx, session_id, participant_id, person_id, assessment_id)
    if attempt is None:
        return
    withdrawn = attempt.withdraw_authorization(revision)
    await _update_authorization(tx, attempt, withdrawn)
    if withdrawn is not attempt:
        tx.record(events.attempt_authorization_withdrawn(withdrawn))


async def _update_authorization(tx: Transaction, before: Attempt, after: Attempt) -> None:
    if after is not before:
        annotate(attempt_id=after.attempt_id)
        await attempts.update_attempts(tx, [after])


async def _lock_attempt(
    tx: Transaction, session_id: UUID, participant_id: UUID, person_id: UUID, assessment_id: UUID
) -> Attempt | None:
    """Lock and return the participant's attempt.

    The attempt is created first if the event which reports that the participant joined has not arrived yet. Return None
    if there is no attempt and the session is already over for the participant.
    """
    await create_attempts(
        tx,
        session_id=session_id,
        participant_id=participant_id,
        person_id=person_id,
        course_id=None,
        assessment_ids=[assessment_id],
    )
    return await attempts.lock_attempt_in_session(tx, session_id, person_id, assessment_id)


async def store_removal(
    tx: Transaction,
    session_id: UUID,
    participant_id: UUID,
    *,
    is_removed: bool,
    metadata: EventMetadata,
) -> None:
    """Store whether the participant is removed, unless the stored value comes from a later event."""
    await sessions.lock_session(tx, session_id)
    await sessions.upsert_removal(tx, participant_id, is_removed, position=metadata.position)


async def close_attempts_of_participant(
    tx: Transaction, *, session_id: UUID, participant_id: UUID, is_removed: bool, position: int
) -> None:
    """Submit the started attempts of a participant for whom the session was ended, and void the other attempts.

    The results of a participant who is removed are released only by an administrator. Nothing changes if
    `position` shows that a later event has undone this end.
    """
    await sessions.lock_session(tx, session_id)
    if not await sessions.upsert_ended_participant(tx, participant_id, True, position=position):
        return
    open_attempts = await attempts.lock_open_attempts(tx, participant_id=participant_id)
    removed_ids = {participant_id} if is_removed else set()
    await _close_attempts(tx, open_attempts, SubmitCause.ENDED_BY_PROCTOR, removed_ids)


async def close_attempts_of_session(
    tx: Transaction,
    *,
    session_id: UUID,
    course_id: UUID | None,
    ended_at: datetime,
    held_until: datetime | None,
    removed_ids: Collection[UUID],
    is_automatic: bool,
    counts: TimeEventCounts,
    position: int,
) -> None:
    """Submit the attempts in progress of a session that ended, and void the attempts that were not started (`S16`).

    The attempts are scored if all time events were applied, and if the proctors cannot reopen the session. They can
    reopen it until `held_until`. `counts` contains the numbers of the time events. If `position` shows that a later end
    or reopening is stored, no attempt changes. The results of the participants in `removed_ids` are not released. If
    the session closed automatically, attempts with a later deadline continue until this deadline. Session orchestration
    closes such a session only if it has not received the deadline yet.
    """
    is_newest = await sessions.upsert_end(
        tx,
        session_id,
        course_id,
        ended_at,
        held_until=held_until,
        time_event_count=counts.of_session,
        position=position,
    )
    await time_events.upsert_event_counts(tx, counts.by_participant)
    if not is_newest:
        return
    open_attempts = await attempts.lock_open_attempts(tx, session_id=session_id)
    if is_automatic:
        open_attempts = [each for each in open_attempts if not _is_due_later(each, ended_at)]
    await _close_attempts(tx, open_attempts, SubmitCause.SESSION_ENDED, removed_ids)
    await score_settled_attempts(tx, session_id)


def _is_due_later(attempt: Attempt, at: datetime) -> bool:
    return attempt.deadline_at is not None and attempt.deadline_at > at


async def _close_attempts(
    tx: Transaction,
    open_attempts: Sequence[Attempt],
    cause: SubmitCause,
    removed_ids: Collection[UUID],
) -> None:
    by_cause: dict[SubmitCause, list[Attempt]] = defaultdict(list)
    for attempt in open_attempts:
        if attempt.state is AttemptState.IN_PROGRESS:
            by_cause[_close_cause(attempt, cause, removed_ids, tx.now)].append(attempt)
    for each, closed in by_cause.items():
        await submit_attempts(tx, closed, each)
    voided = [attempt.void() for attempt in open_attempts if attempt.state in UNSTARTED_STATES]
    await attempts.update_attempts(tx, voided)
    for attempt in voided:
        tx.record(events.attempt_voided(attempt))


def _close_cause(
    attempt: Attempt, cause: SubmitCause, removed_ids: Collection[UUID], now: datetime
) -> SubmitCause:
    """Return the submit cause of an attempt: `cause`, unless the learner is removed or the deadline has passed."""
    if attempt.participant_id in removed_ids:
        return SubmitCause.REMOVED
    if attempt.deadline_at is not None and attempt.deadline_at < now:
        # The deadline was before the end of the session, but the worker has not submitted the attempt yet.
        return SubmitCause.TIME_LIMIT_EXCEEDED
    return cause
