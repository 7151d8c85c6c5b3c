"""Queries of attempts. The queries that save answers are in `answers.py`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from proctorium_assessment.domain.answer_sheet import SavedAnswer
from proctorium_assessment.domain.attempts import (
    UNSTARTED_STATES,
    Attempt,
    AttemptState,
    SubmitCause,
)
from proctorium_assessment.storage.tables import attempts
from proctorium_common.storage.database import Database, Transaction

CHANNEL = "attempt"
"""The PostgreSQL channel for notifications of changed attempts. The payload is the id of the attempt."""

_COLUMNS = (
    attempts.c.attempt_id,
    attempts.c.assessment_id,
    attempts.c.person_id,
    attempts.c.session_id,
    attempts.c.participant_id,
    attempts.c.state,
    attempts.c.created_at,
    attempts.c.started_at,
    attempts.c.time_limit,
    attempts.c.deadline_at,
    attempts.c.submitted_at,
    attempts.c.submit_cause,
    attempts.c.released_at,
    attempts.c.version,
    attempts.c.last_sequence,
    attempts.c.paused,
    attempts.c.stopped_remaining,
    attempts.c.extra_time,
    attempts.c.extra_time_percent,
    attempts.c.stopped_until,
    attempts.c.on_break,
    attempts.c.questions_shown,
    attempts.c.authorization_revision,
    attempts.c.returned_time,
    attempts.c.voided_from,
    attempts.c.writer_epoch,
    attempts.c.writer_device,
    attempts.c.entered_at,
)

_OPEN_STATES = UNSTARTED_STATES | {AttemptState.IN_PROGRESS}

_PROVISIONAL = and_(
    attempts.c.state == AttemptState.SUBMITTED,
    attempts.c.submit_cause == SubmitCause.TIME_LIMIT_EXCEEDED,
)

# The parameters are arrays, so that one prepared statement updates any number of rows.
_UPDATE = """
    UPDATE attempts SET
        state = changed.state, started_at = changed.started_at, time_limit = changed.time_limit,
        deadline_at = changed.deadline_at, submitted_at = changed.submitted_at, submit_cause = changed.submit_cause,
        released_at = changed.released_at, version = changed.version, paused = changed.paused,
        stopped_remaining = changed.stopped_remaining, extra_time = changed.extra_time,
        extra_time_percent = changed.extra_time_percent, stopped_until = changed.stopped_until,
        on_break = changed.on_break, questions_shown = changed.questions_shown,
        authorization_revision = changed.authorization_revision, returned_time = changed.returned_time,
        voided_from = changed.voided_from
    FROM unnest(
        $1::uuid[], $2::text[], $3::timestamptz[], $4::interval[], $5::timestamptz[], $6::timestamptz[], $7::text[],
        $8::timestamptz[], $9::bigint[], $10::boolean[], $11::interval[], $12::interval[],
        $13::integer[], $14::timestamptz[], $15::boolean[], $16::boolean[], $17::bigint[], $18::interval[],
        $19::text[]
    ) AS changed (attempt_id, state, started_at, time_limit, deadline_at, submitted_at, submit_cause, released_at,
        version, paused, stopped_remaining, extra_time, extra_time_percent, stopped_until, on_break, questions_shown,
        authorization_revision, returned_time, voided_from)
    WHERE attempts.attempt_id = changed.attempt_id
"""

_SELECT = f"SELECT {', '.join(column.name for column in _COLUMNS)} FROM attempts"  # noqa: S608 - constants
_GET = f"{_SELECT} WHERE attempt_id = $1"
_LOCK = f"{_GET} FOR NO KEY UPDATE"
_LOCK_WITH_OTHERS = f"""
    {_SELECT}
    WHERE person_id = $1
        AND assessment_id = (SELECT assessment_id FROM attempts WHERE attempt_id = $2 AND person_id = $1)
    ORDER BY attempt_id FOR NO KEY UPDATE
"""  # noqa: S608 - constants
_GET_WITH_ANSWERS = f"""
    SELECT {", ".join(f"attempts.{column.name}" for column in _COLUMNS)},
        EXISTS (
            SELECT FROM sessions
            WHERE sessions.session_id = attempts.session_id AND ended_at IS NOT NULL AND held_until IS NULL
        ),
        newest.*
    FROM attempts CROSS JOIN LATERAL (
        SELECT array_agg(item_id) FILTER (WHERE counts), array_agg(sequence) FILTER (WHERE counts),
            array_agg(answer) FILTER (WHERE counts), array_agg(saved_at) FILTER (WHERE counts),
            array_agg(writer_epoch) FILTER (WHERE counts),
            array_agg(item_id) FILTER (WHERE late)
        FROM (
            SELECT DISTINCT ON (late, item_id) item_id, sequence, answer, saved_at, writer_epoch, late,
                NOT late AND length(answer) > 0 AS counts
            FROM answer_revisions WHERE answer_revisions.attempt_id = attempts.attempt_id
            ORDER BY late, item_id, writer_epoch DESC, sequence DESC
        ) AS revision
    ) AS newest
    WHERE attempt_id = $1
"""  # noqa: S608 - constants


@dataclass(frozen=True, slots=True)
class AttemptWithAnswers:
    """An attempt, its answers that count, the items with a late revision, and whether the session is over.

    A session that its proctors can reopen is not over.
    """

    attempt: Attempt
    is_session_over: bool
    answers: Sequence[SavedAnswer]
    late_item_ids: frozenset[UUID]


async def insert_attempt(tx: Transaction, attempt: Attempt) -> bool:
    """Insert the attempt and return True, or return False if the learner already has such an attempt.

    A learner has at most one attempt at an assessment in a session. Outside sessions, a learner has at most one attempt
    at an assessment, not counting voided attempts.
    """
    new = insert(attempts).values(
        attempt_id=attempt.attempt_id,
        assessment_id=attempt.assessment_id,
        person_id=attempt.person_id,
        session_id=attempt.session_id,
        participant_id=attempt.participant_id,
        state=attempt.state,
        created_at=attempt.created_at,
        version=attempt.version,
        chain_head=attempt.genesis_head,
        chain_length=0,
        last_sequence=0,
        progress_published_length=0,
        paused=attempt.is_paused,
        extra_time=attempt.extra_time,
        extra_time_percent=attempt.extra_time_percent,
        on_break=attempt.is_on_break,
        questions_shown=attempt.are_questions_shown,
    )
    inserted = await tx.execute(new.on_conflict_do_nothing().returning(attempts.c.attempt_id))
    return inserted.first() is not None


async def get_attempt(source: Database | Transaction, attempt_id: UUID) -> Attempt | None:
    """Return the attempt, or None if it does not exist."""
    return _first(await source.fetch(_GET, attempt_id))


async def lock_attempt(tx: Transaction, attempt_id: UUID) -> Attempt | None:
    """Lock the row of the attempt and return it, or None if it does not exist.

    While the row is locked, no answer of the attempt is saved.
    """
    return _first(await tx.fetch(_LOCK, attempt_id))


async def lock_attempt_with_others(
    tx: Transaction, person_id: UUID, attempt_id: UUID
) -> Sequence[Attempt]:
    """Lock and return all attempts of the person at the assessment of the attempt `attempt_id`.

    The returned list includes the attempt `attempt_id`. The rows are locked in the order of the attempt ids. The list
    is empty if the attempt `attempt_id` does not belong to the person.
    """
    return [_attempt(row) for row in await tx.fetch(_LOCK_WITH_OTHERS, person_id, attempt_id)]


async def get_attempt_with_answers(
    source: Database | Transaction, attempt_id: UUID
) -> AttemptWithAnswers | None:
    """Return the attempt with its answers that count, or None if the attempt does not exist.

    One statement reads the attempt and the answers.
    """
    rows = await source.fetch(_GET_WITH_ANSWERS, attempt_id)
    if not rows:
        return None
    row = rows[0]
    *columns, is_session_over, item_ids, sequences, contents, saved_at, epochs, late_item_ids = row
    counting = zip(
        *(each or () for each in (item_ids, sequences, contents, saved_at, epochs)), strict=True
    )
    return AttemptWithAnswers(
        _attempt(columns),
        is_session_over=is_session_over,
        answers=[SavedAnswer(*each) for each in counting],
        late_item_ids=frozenset(late_item_ids or ()),
    )


async def get_self_paced_attempt(
    tx: Transaction, person_id: UUID, assessment_id: UUID
) -> Attempt | None:
    """Return the learner's attempt at a self-paced assessment, or None if there is none.

    There is at most one such attempt.
    """
    statement = _where(
        attempts.c.person_id == person_id,
        attempts.c.assessment_id == assessment_id,
        attempts.c.session_id.is_(None),
        attempts.c.state != AttemptState.VOIDED,
    )
    return await _one(tx, statement)


async def lock_attempt_in_session(
    tx: Transaction, session_id: UUID, person_id: UUID, assessment_id: UUID
) -> Attempt | None:
    """Lock and return a learner's attempt at an assessment in a session, or return None if there is none."""
    statement = _where(
        attempts.c.session_id == session_id,
        attempts.c.person_id == person_id,
        attempts.c.assessment_id == assessment_id,
        lock=True,
    )
    return await _one(tx, statement)


async def lock_attempts_at_assessment(
    tx: Transaction, person_id: UUID, assessment_id: UUID
) -> Sequence[Attempt]:
    """Lock and return all attempts of a person at an assessment, both in sessions and outside sessions."""
    statement = _where(
        attempts.c.person_id == person_id, attempts.c.assessment_id == assessment_id, lock=True
    )
    return await _all(tx, statement)


async def lock_attempts(tx: Transaction, attempt_ids: Collection[UUID]) -> Sequence[Attempt]:
    """Lock and return the attempts with the ids `attempt_ids`. An id without an attempt is ignored."""
    return await _all(tx, _where(attempts.c.attempt_id.in_(attempt_ids), lock=True))


async def lock_open_attempts(tx: Transaction, **owner: UUID) -> Sequence[Attempt]:
    """Lock and return those attempts of an owner which are neither submitted nor voided.

    `owner` is one column and its value: `session_id`, `participant_id` or `person_id`.
    """
    ((column, value),) = owner.items()
    statement = _where(attempts.c[column] == value, attempts.c.state.in_(_OPEN_STATES), lock=True)
    return await _all(tx, statement)


async def lock_timed_attempts(tx: Transaction, **owner: UUID) -> Sequence[Attempt]:
    """Lock and return those attempts of an owner whose time can change: the open and the provisional attempts.

    `owner` is one column and its value: `session_id`, `participant_id` or `person_id`.
    """
    ((column, value),) = owner.items()
    can_change = or_(attempts.c.state.in_(_OPEN_STATES), _PROVISIONAL)
    return await _all(tx, _where(attempts.c[column] == value, can_change, lock=True))


async def lock_closed_attempts(
    tx: Transaction, causes: Collection[SubmitCause], **owner: UUID
) -> Sequence[Attempt]:
    """Lock and return the voided attempts of an owner, and the submitted attempts with one of the causes.

    `owner` is one column and its value: `session_id` or `participant_id`.
    """
    ((column, value),) = owner.items()
    submitted = and_(
        attempts.c.state == AttemptState.SUBMITTED, attempts.c.submit_cause.in_(causes)
    )
    is_closed = or_(attempts.c.state == AttemptState.VOIDED, submitted)
    return await _all(tx, _where(attempts.c[column] == value, is_closed, lock=True))


async def list_provisional_session_ids(tx: Transaction, person_id: UUID) -> Sequence[UUID]:
    """Return the ids of the sessions in which the person has a provisional attempt, in order."""
    statement = (
        select(attempts.c.session_id)
        .distinct()
        .where(attempts.c.person_id == person_id, _PROVISIONAL)
        .order_by(attempts.c.session_id)
    )
    return [row.session_id for row in await tx.execute(statement)]


async def lock_settled_attempts(tx: Transaction, session_id: UUID) -> Sequence[Attempt]:
    """Lock and return the submitted attempts of a session for whose participants the session is settled.

    A session is settled for a participant if it has ended, and all time events counted in `session.ended` were applied.
    """
    statement = _where(
        attempts.c.session_id == session_id,
        attempts.c.state == AttemptState.SUBMITTED,
        func.is_settled(attempts.c.session_id, attempts.c.participant_id),
        lock=True,
    )
    return await _all(tx, statement)


async def lock_overdue_attempts(tx: Transaction, before: datetime, limit: int) -> Sequence[Attempt]:
    """Lock and return at most `limit` attempts in progress whose deadline is before `before`.

    Rows that another transaction has locked are skipped.
    """
    statement = (
        select(*_COLUMNS)
        .where(attempts.c.state == AttemptState.IN_PROGRESS, attempts.c.deadline_at < before)
        .order_by(attempts.c.deadline_at)
        .limit(limit)
        .with_for_update(skip_locked=True, key_share=True)
    )
    return await _all(tx, statement)


async def lock_progressed_attempts(
    tx: Transaction, published_before: datetime, limit: int
) -> Sequence[Attempt]:
    """Lock and return at most `limit` started attempts with answers that no published progress includes.

    Attempts whose progress was last published after `published_before` are left out. Rows that another transaction has
    locked are skipped.
    """
    published_at = attempts.c.progress_published_at
    statement = (
        select(*_COLUMNS)
        .where(
            attempts.c.state == AttemptState.IN_PROGRESS,
            attempts.c.chain_length > attempts.c.progress_published_length,
            or_(published_at.is_(None), published_at <= published_before),
        )
        .order_by(published_at.nulls_first())
        .limit(limit)
        .with_for_update(skip_locked=True, key_share=True)
    )
    return await _all(tx, statement)


async def update_progress_published(tx: Transaction, attempt_ids: Collection[UUID]) -> None:
    """Store that the current progress of the attempts is published now. The caller has locked the attempts' rows."""
    await tx.execute(
        update(attempts)
        .where(attempts.c.attempt_id.in_(attempt_ids))
        .values(progress_published_length=attempts.c.chain_length, progress_published_at=tx.now)
    )


async def list_attempts(
    tx: Transaction,
    *,
    person_id: UUID | None,
    session_id: UUID | None,
    before: UUID | None,
    limit: int,
) -> Sequence[Attempt]:
    """Return at most `limit` attempts of a person, of a session or of a person in a session, newest first.

    If `before` is an attempt id, only attempts that are older than this attempt are returned.
    """
    statement = select(*_COLUMNS).order_by(attempts.c.attempt_id.desc()).limit(limit)
    if person_id is not None:
        statement = statement.where(attempts.c.person_id == person_id)
    if session_id is not None:
        statement = statement.where(attempts.c.session_id == session_id)
    if before is not None:
        statement = statement.where(attempts.c.attempt_id < before)
    return await _all(tx, statement)


async def update_writer(tx: Transaction, entered: Attempt) -> None:
    """Store the new writer epoch of an attempt and notify the watches of the attempt."""
    await tx.execute(
        update(attempts)
        .where(attempts.c.attempt_id == entered.attempt_id)
        .values(
            writer_epoch=entered.writer_epoch,
            writer_device=entered.writer_device,
            entered_at=entered.entered_at,
            version=entered.version,
        )
    )
    tx.notify(CHANNEL, str(entered.attempt_id))


async def update_attempts(tx: Transaction, changed: Collection[Attempt]) -> None:
    """Store the changed attempts and notify the watches of these attempts."""
    if not changed:
        return
    await tx.fetch(_UPDATE, *_update_parameters(changed))
    for attempt in changed:
        tx.notify(CHANNEL, str(attempt.attempt_id))


def _where(*conditions: ColumnElement[bool], lock: bool = False) -> Select[Any]:
    statement = select(*_COLUMNS).where(*conditions).order_by(attempts.c.attempt_id)
    return statement.with_for_update(key_share=True) if lock else statement


async def _one(tx: Transaction, statement: Select[Any]) -> Attempt | None:
    row = (await tx.execute(statement)).first()
    return None if row is None else _attempt(row)


async def _all(tx: Transaction, statement: Select[Any]) -> list[Attempt]:
    return [_attempt(row) for row in await tx.execute(statement)]


def _first(rows: Sequence[Iterable[Any]]) -> Attempt | None:
    return _attempt(rows[0]) if rows else None


def _attempt(row: Iterable[Any]) -> Attempt:
    """Return the attempt that a row with the columns `_COLUMNS` contains."""
    attempt_id, assessment_id, person_id, session_id, participant_id, state, *rest = row
    created_at, started_at, time_limit, deadline_at, submitted_at, cause, *rest = rest
    released_at, version, last_sequence, *rest = rest
    is_paused, stopped_remaining, extra_time, extra_time_percent, *rest = rest
    stopped_until, is_on_break, are_questions_shown, authorization_revision, *rest = rest
    returned_time, voided_from, writer_epoch, writer_device, entered_at = rest
    return Attempt(
        attempt_id=attempt_id,
        assessment_id=assessment_id,
        person_id=person_id,
        session_id=session_id,
        participant_id=participant_id,
        state=AttemptState(state),
        created_at=created_at,
        started_at=started_at,
        time_limit=time_limit,
        deadline_at=deadline_at,
        submitted_at=submitted_at,
        submit_cause=None if cause is None else SubmitCause(cause),
        released_at=released_at,
        version=version,
        last_sequence=last_sequence,
        is_paused=is_paused,
        stopped_remaining=stopped_remaining,
        extra_time=extra_time,
        extra_time_percent=extra_time_percent,
        stopped_until=stopped_until,
        is_on_break=is_on_break,
        are_questions_shown=are_questions_shown,
        authorization_revision=authorization_revision,
        returned_time=returned_time,
        voided_from=None if voided_from is None else AttemptState(voided_from),
        writer_epoch=writer_epoch,
        writer_device=writer_device,
        entered_at=entered_at,
    )


def _update_parameters(changed: Collection[Attempt]) -> tuple[list[object], ...]:
    return (
        [attempt.attempt_id for attempt in changed],
        [attempt.state for attempt in changed],
        [attempt.started_at for attempt in changed],
        [attempt.time_limit for attempt in changed],
        [attempt.deadline_at for attempt in changed],
        [attempt.submitted_at for attempt in changed],
        [attempt.submit_cause for attempt in changed],
        [attempt.released_at for attempt in changed],
        [attempt.version for attempt in changed],
        [attempt.is_paused for attempt in changed],
        [attempt.stopped_remaining for attempt in changed],
        [attempt.extra_time for attempt in changed],
        [attempt.extra_time_percent for attempt in changed],
        [attempt.stopped_until for attempt in changed],
        [attempt.is_on_break for attempt in changed],
        [attempt.are_questions_shown for attempt in changed],
        [attempt.authorization_revision for attempt in changed],
        [attempt.returned_time for attempt in changed],
        [attempt.voided_from for attempt in changed],
    )
