"""Queries of attempts and their time ledgers. Saving answers has its own, in `answers.py`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, bindparam, or_, select, update
from sqlalchemy import insert as plain_insert
from sqlalchemy.dialects.postgresql import insert

from proctorium_assessment.domain.answer_sheet import SavedAnswer
from proctorium_assessment.domain.attempts import Attempt, State, SubmitCause
from proctorium_assessment.domain.time_ledger import Entry, Mark
from proctorium_assessment.storage.tables import attempts, time_ledger
from proctorium_common.storage.database import Database, Transaction

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


_SELECT = f"SELECT {', '.join(column.name for column in _COLUMNS)} FROM attempts"  # noqa: S608 - constants
_FIND = f"{_SELECT} WHERE attempt_id = $1"
_LOCK = f"{_FIND} FOR NO KEY UPDATE"
_LOCK_WITH_OTHERS = f"""
    {_SELECT}
    WHERE person_id = $1
        AND assessment_id = (SELECT assessment_id FROM attempts WHERE attempt_id = $2 AND person_id = $1)
    ORDER BY attempt_id FOR NO KEY UPDATE
"""  # noqa: S608 - constants
_FIND_WITH_ANSWERS = f"""
    SELECT {", ".join(f"attempts.{column.name}" for column in _COLUMNS)},
        EXISTS (SELECT FROM sessions WHERE sessions.session_id = attempts.session_id AND ended_at IS NOT NULL),
        newest.*
    FROM attempts CROSS JOIN LATERAL (
        SELECT array_agg(item_id) FILTER (WHERE counts), array_agg(sequence) FILTER (WHERE counts),
            array_agg(answer) FILTER (WHERE counts), array_agg(saved_at) FILTER (WHERE counts),
            array_agg(item_id) FILTER (WHERE late)
        FROM (
            SELECT DISTINCT ON (late, item_id) item_id, sequence, answer, saved_at, late,
                NOT late AND length(answer) > 0 AS counts
            FROM answer_revisions WHERE answer_revisions.attempt_id = attempts.attempt_id
            ORDER BY late, item_id, sequence DESC
        ) AS revision
    ) AS newest
    WHERE attempt_id = $1
"""  # noqa: S608 - constants


@dataclass(frozen=True, slots=True)
class WithAnswers:
    """An attempt, whether its session is known to be over, the answers that count, and the questions with a late change."""

    attempt: Attempt
    session_over: bool
    answers: Sequence[SavedAnswer]
    late_item_ids: frozenset[UUID]


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


async def find(source: Database | Transaction, attempt_id: UUID) -> Attempt | None:
    """Return the attempt."""
    return _first(await source.fetch(_FIND, attempt_id))


async def lock(tx: Transaction, attempt_id: UUID) -> Attempt | None:
    """Return the attempt, its row locked until the transaction ends: no answer is saved meanwhile."""
    return _first(await tx.fetch(_LOCK, attempt_id))


async def lock_with_others(tx: Transaction, person_id: UUID, attempt_id: UUID) -> Sequence[Attempt]:
    """Return a person's attempt and their others at its assessment, locked in one order until the transaction ends.

    Empty if the attempt is not the person's.
    """
    return [_attempt(row) for row in await tx.fetch(_LOCK_WITH_OTHERS, person_id, attempt_id)]


async def find_with_answers(source: Database | Transaction, attempt_id: UUID) -> WithAnswers | None:
    """Return the attempt with the answers that count, all as of one moment."""
    rows = await source.fetch(_FIND_WITH_ANSWERS, attempt_id)
    if not rows:
        return None
    row = rows[0]
    *columns, session_over, item_ids, sequences, contents, saved_at, late_item_ids = row
    counting = zip(item_ids or (), sequences or (), contents or (), saved_at or (), strict=True)
    return WithAnswers(
        _attempt(columns),
        session_over=session_over,
        answers=[SavedAnswer(*each) for each in counting],
        late_item_ids=frozenset(late_item_ids or ()),
    )


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


def _first(rows: Sequence[Iterable[Any]]) -> Attempt | None:
    return _attempt(rows[0]) if rows else None


def _attempt(row: Iterable[Any]) -> Attempt:
    """Return the attempt of a row of `_COLUMNS`, which are the fields in their order."""
    attempt_id, assessment_id, person_id, session_id, participant_id, state, *rest = row
    created_at, started_at, time_limit, deadline_at, submitted_at, cause, *rest = rest
    released_at, version, last_sequence = rest
    return Attempt(
        attempt_id=attempt_id,
        assessment_id=assessment_id,
        person_id=person_id,
        session_id=session_id,
        participant_id=participant_id,
        state=State(state),
        created_at=created_at,
        started_at=started_at,
        time_limit=time_limit,
        deadline_at=deadline_at,
        submitted_at=submitted_at,
        submit_cause=None if cause is None else SubmitCause(cause),
        released_at=released_at,
        version=version,
        last_sequence=last_sequence,
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
