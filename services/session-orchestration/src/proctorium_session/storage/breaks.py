"""Queries of breaks. A trigger on `breaks` stores the newest break and the used break time in the participant's row."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert as upsert

from proctorium_common.storage.database import Transaction
from proctorium_session.domain.breaks import OPEN_STATES, Break, BreakState
from proctorium_session.domain.periods import Period
from proctorium_session.domain.report import TakenBreak
from proctorium_session.storage.tables import break_allowances, breaks, participants, sessions

_OPEN = [each.value for each in OPEN_STATES]


async def insert_break(tx: Transaction, new: Break) -> None:
    """Insert a requested break. The caller has locked the session's row."""
    await tx.execute(
        insert(breaks).values(
            break_id=new.break_id,
            session_id=new.session_id,
            participant_id=new.participant_id,
            state=new.state.value,
            requested_at=new.requested_at,
        )
    )


async def update_break(tx: Transaction, changed: Break) -> None:
    """Store a changed break. The caller has locked the session's row."""
    await tx.execute(
        update(breaks)
        .where(breaks.c.break_id == changed.break_id)
        .values(
            state=changed.state.value,
            length=changed.length,
            refusal_reason=changed.refusal_reason,
            started_at=changed.started_at,
            closed_at=changed.closed_at,
            overrun_at=changed.overrun_at,
        )
    )


async def get_break(tx: Transaction, break_id: UUID) -> Break | None:
    """Return the break, or None if it does not exist."""
    row = (await tx.execute(select(breaks).where(breaks.c.break_id == break_id))).first()
    return _break(row) if row else None


async def list_open_breaks(tx: Transaction, participant_ids: Collection[UUID]) -> Sequence[Break]:
    """Return the open breaks of participants, in the order in which they were requested."""
    statement = (
        select(breaks)
        .where(breaks.c.participant_id.in_(participant_ids), breaks.c.state.in_(_OPEN))
        .order_by(breaks.c.requested_at, breaks.c.break_id)
    )
    return [_break(row) for row in await tx.execute(statement)]


async def list_request_times(
    tx: Transaction, participant_id: UUID, limit: int
) -> Sequence[datetime]:
    """Return the times of the participant's newest requests for breaks, newest first."""
    statement = (
        select(breaks.c.requested_at)
        .where(breaks.c.participant_id == participant_id)
        .order_by(breaks.c.requested_at.desc())
        .limit(limit)
    )
    return (await tx.execute(statement)).scalars().all()


async def list_breaks(
    tx: Transaction,
    session_id: UUID,
    *,
    open_only: bool,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> Sequence[Break]:
    """Return at most `limit` breaks of a session, in the order in which they were requested.

    If `after` is not None, the list starts after the break with this time and id.
    """
    statement = (
        select(breaks)
        .where(breaks.c.session_id == session_id)
        .order_by(breaks.c.requested_at, breaks.c.break_id)
        .limit(limit)
    )
    if open_only:
        statement = statement.where(breaks.c.state.in_(_OPEN))
    if after is not None:
        statement = statement.where(
            tuple_(breaks.c.requested_at, breaks.c.break_id) > tuple_(*after)
        )
    return [_break(row) for row in await tx.execute(statement)]


async def list_taken(tx: Transaction, session_id: UUID) -> Mapping[UUID, Sequence[TakenBreak]]:
    """Return the breaks of a session that have been started, grouped by participant id.

    The breaks of each participant are in the order of their starts.
    """
    statement = (
        select(
            breaks.c.participant_id, breaks.c.started_at, breaks.c.closed_at, breaks.c.overrun_at
        )
        .where(breaks.c.session_id == session_id, breaks.c.started_at.is_not(None))
        .order_by(breaks.c.started_at, breaks.c.break_id)
    )
    taken: defaultdict[UUID, list[TakenBreak]] = defaultdict(list)
    for row in await tx.execute(statement):
        period = Period(row.started_at, row.closed_at)
        taken[row.participant_id].append(TakenBreak(period, row.overrun_at is not None))
    return taken


async def list_overrun(tx: Transaction, excluded: Collection[UUID], limit: int) -> Sequence[Break]:
    """Return at most `limit` started breaks whose granted length is over and whose overrun is not recorded.

    The breaks in `excluded` are omitted.
    """
    statement = (
        select(breaks)
        .where(
            breaks.c.state == BreakState.STARTED.value,
            breaks.c.overrun_at.is_(None),
            breaks.c.started_at + breaks.c.length < tx.now,
            breaks.c.break_id.not_in(excluded),
        )
        .order_by(breaks.c.started_at)
        .limit(limit)
    )
    return [_break(row) for row in await tx.execute(statement)]


async def upsert_allowance(
    tx: Transaction, person_id: UUID, revision: int, extra: timedelta
) -> bool:
    """Store the extra break time of a person. Return False if this or a newer revision is already stored."""
    new = upsert(break_allowances).values(person_id=person_id, revision=revision, extra=extra)
    stored = await tx.execute(
        new.on_conflict_do_update(
            index_elements=["person_id"],
            set_={"revision": new.excluded.revision, "extra": new.excluded.extra},
            where=break_allowances.c.revision < new.excluded.revision,
        ).returning(break_allowances.c.person_id)
    )
    return stored.first() is not None


async def list_live_session_ids(tx: Transaction, person_id: UUID) -> Sequence[UUID]:
    """Return the ids of the sessions that the person has joined and that are not over."""
    statement = (
        select(sessions.c.session_id)
        .join(participants, participants.c.session_id == sessions.c.session_id)
        .where(
            participants.c.person_id == person_id,
            sessions.c.state.not_in(("ended", "cancelled")),
        )
        .order_by(sessions.c.session_id)
    )
    return (await tx.execute(statement)).scalars().all()


def _break(row: Any) -> Break:
    return Break(
        break_id=row.break_id,
        session_id=row.session_id,
        participant_id=row.participant_id,
        state=BreakState(row.state),
        requested_at=row.requested_at,
        length=row.length,
        refusal_reason=row.refusal_reason,
        started_at=row.started_at,
        closed_at=row.closed_at,
        overrun_at=row.overrun_at,
    )
