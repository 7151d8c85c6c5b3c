"""Queries of attempts and their time ledgers. Saving answers has its own, in `answers.py`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, bindparam, or_, select, update
from sqlalchemy import insert as plain_insert
from sqlalchemy.dialects.postgresql import insert

from proctorium_assessment.domain.attempts import Attempt, State, SubmitCause
from proctorium_assessment.domain.time_ledger import Entry, Mark
from proctorium_assessment.storage.tables import attempts, time_ledger
from proctorium_common.storage.database import Transaction

CHANNEL = "attempt"
"""NOTIFY channel: an attempt's id, whenever something changed that its watchers are told of."""

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
)

_UPDATE = (
    update(attempts)
    .where(attempts.c.attempt_id == bindparam("of_attempt"))
    .values(
        {
            column: bindparam(column.name)
            for column in (
                attempts.c.state,
                attempts.c.started_at,
                attempts.c.time_limit,
                attempts.c.deadline_at,
                attempts.c.submitted_at,
                attempts.c.submit_cause,
                attempts.c.released_at,
                attempts.c.version,
            )
        }
    )
)


async def add(tx: Transaction, attempt: Attempt) -> bool:
    """Keeps a new attempt; False when there is one already that the learner would have beside it."""
    added = insert(attempts).values(
        attempt_id=attempt.attempt_id,
        assessment_id=attempt.assessment_id,
        person_id=attempt.person_id,
        session_id=attempt.session_id,
        participant_id=attempt.participant_id,
        state=attempt.state.value,
        created_at=attempt.created_at,
        version=attempt.version,
        chain_head=attempt.first_head,
        chain_length=0,
        last_sequence=0,
        progress_published_length=0,
    )
    kept = await tx.execute(added.on_conflict_do_nothing().returning(attempts.c.attempt_id))
    return kept.first() is not None


async def find(tx: Transaction, attempt_id: UUID, *, lock: bool = False) -> Attempt | None:
    """The attempt; with `lock` its row is held until the transaction ends, and no answer is saved meanwhile."""
    return await _one(tx, _where(attempts.c.attempt_id == attempt_id, lock=lock))


async def find_self_paced(tx: Transaction, person_id: UUID, assessment_id: UUID) -> Attempt | None:
    """The learner's one attempt at a self-paced assessment."""
    query = _where(
        attempts.c.person_id == person_id,
        attempts.c.assessment_id == assessment_id,
        attempts.c.session_id.is_(None),
        attempts.c.state != State.VOIDED.value,
    )
    return await _one(tx, query)


async def find_in_session(
    tx: Transaction, session_id: UUID, person_id: UUID, assessment_id: UUID
) -> Attempt | None:
    """A participant's attempt, held until the transaction ends."""
    query = _where(
        attempts.c.session_id == session_id,
        attempts.c.person_id == person_id,
        attempts.c.assessment_id == assessment_id,
        lock=True,
    )
    return await _one(tx, query)


async def hold_all_at(tx: Transaction, person_id: UUID, assessment_id: UUID) -> Sequence[Attempt]:
    """All attempts of a person at an assessment, in whatever session, held until the transaction ends."""
    query = _where(
        attempts.c.person_id == person_id, attempts.c.assessment_id == assessment_id, lock=True
    )
    return await _all(tx, query)


async def hold_these(tx: Transaction, attempt_ids: Collection[UUID]) -> Sequence[Attempt]:
    """Those of these attempts that there are, held until the transaction ends."""
    return await _all(tx, _where(attempts.c.attempt_id.in_(attempt_ids), lock=True))


async def hold_unfinished(
    tx: Transaction, *, session_id: UUID | None = None, participant_id: UUID | None = None
) -> Sequence[Attempt]:
    """The attempts of a session or a participant that are not submitted, held until the transaction ends."""
    unfinished = [State.AWAITING_AUTHORIZATION, State.AUTHORIZED, State.IN_PROGRESS]
    whose = (
        attempts.c.session_id == session_id
        if session_id is not None
        else attempts.c.participant_id == participant_id
    )
    query = _where(whose, attempts.c.state.in_([state.value for state in unfinished]), lock=True)
    return await _all(tx, query)


async def hold_overdue(tx: Transaction, before: datetime, limit: int) -> Sequence[Attempt]:
    """Attempts whose time was over before that moment, held until the transaction ends; those held elsewhere are left out."""
    query = (
        select(*_COLUMNS)
        .where(attempts.c.state == State.IN_PROGRESS.value, attempts.c.deadline_at < before)
        .order_by(attempts.c.deadline_at)
        .limit(limit)
        .with_for_update(skip_locked=True, key_share=True)
    )
    return await _all(tx, query)


async def hold_progressed(
    tx: Transaction, published_before: datetime, limit: int
) -> Sequence[Attempt]:
    """Attempts in progress with changes that were not told of, nor any lately, held until the transaction ends."""
    told = attempts.c.progress_published_at
    query = (
        select(*_COLUMNS)
        .where(
            attempts.c.state == State.IN_PROGRESS.value,
            attempts.c.chain_length > attempts.c.progress_published_length,
            or_(told.is_(None), told <= published_before),
        )
        .order_by(told.nulls_first())
        .limit(limit)
        .with_for_update(skip_locked=True, key_share=True)
    )
    return await _all(tx, query)


async def mark_told(tx: Transaction, attempt_ids: Collection[UUID]) -> None:
    """Keeps that the progress of these attempts, whose rows are held, was told now."""
    await tx.execute(
        update(attempts)
        .where(attempts.c.attempt_id.in_(attempt_ids))
        .values(progress_published_length=attempts.c.chain_length, progress_published_at=tx.now)
    )


async def page(
    tx: Transaction,
    *,
    person_id: UUID | None,
    session_id: UUID | None,
    before: UUID | None,
    size: int,
) -> Sequence[Attempt]:
    """Newest first, `size` + 1 of them, of a person, a session, or of both."""
    query = select(*_COLUMNS).order_by(attempts.c.attempt_id.desc()).limit(size + 1)
    if person_id is not None:
        query = query.where(attempts.c.person_id == person_id)
    if session_id is not None:
        query = query.where(attempts.c.session_id == session_id)
    if before is not None:
        query = query.where(attempts.c.attempt_id < before)
    return await _all(tx, query)


async def update_all(tx: Transaction, changed: Collection[Attempt]) -> None:
    """Keeps what has changed of these attempts, and wakes their watchers."""
    if not changed:
        return
    await tx.execute(_UPDATE, [_changing(attempt) for attempt in changed])
    for attempt in changed:
        tx.notify(CHANNEL, str(attempt.attempt_id))


async def add_entries(tx: Transaction, attempt_id: UUID, entries: Iterable[Entry]) -> None:
    """Adds the first lines of an attempt's time ledger."""
    await tx.execute(
        plain_insert(time_ledger),
        [
            {
                "attempt_id": attempt_id,
                "position": position,
                "mark": entry.mark.value,
                "at": entry.at,
                "amount": entry.amount if entry.mark is Mark.EXTRA else None,
            }
            for position, entry in enumerate(entries, start=1)
        ],
    )


def _where(*conditions: ColumnElement[bool], lock: bool = False) -> Select[Any]:
    query = select(*_COLUMNS).where(*conditions).order_by(attempts.c.attempt_id)
    return query.with_for_update(key_share=True) if lock else query


async def _one(tx: Transaction, query: Select[Any]) -> Attempt | None:
    row = (await tx.execute(query)).first()
    return None if row is None else _attempt(row)


async def _all(tx: Transaction, query: Select[Any]) -> list[Attempt]:
    return [_attempt(row) for row in await tx.execute(query)]


def _attempt(row: Row[Any]) -> Attempt:
    return Attempt(
        attempt_id=row.attempt_id,
        assessment_id=row.assessment_id,
        person_id=row.person_id,
        session_id=row.session_id,
        participant_id=row.participant_id,
        state=State(row.state),
        created_at=row.created_at,
        started_at=row.started_at,
        time_limit=row.time_limit,
        deadline_at=row.deadline_at,
        submitted_at=row.submitted_at,
        submit_cause=None if row.submit_cause is None else SubmitCause(row.submit_cause),
        released_at=row.released_at,
        version=row.version,
        last_sequence=row.last_sequence,
    )


def _changing(attempt: Attempt) -> dict[str, object]:
    cause = attempt.submit_cause
    return {
        "of_attempt": attempt.attempt_id,
        "state": attempt.state.value,
        "started_at": attempt.started_at,
        "time_limit": attempt.time_limit,
        "deadline_at": attempt.deadline_at,
        "submitted_at": attempt.submitted_at,
        "submit_cause": None if cause is None else cause.value,
        "released_at": attempt.released_at,
        "version": attempt.version,
    }
