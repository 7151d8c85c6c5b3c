"""Queries of sessions that close or end automatically."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import select

from proctorium_common.storage.database import Transaction
from proctorium_session.domain.participant_states import ParticipantState
from proctorium_session.domain.progress import AttemptTime, ProgressState
from proctorium_session.domain.session_states import SessionState
from proctorium_session.domain.sessions import MIN_TIME_AFTER_CANCELLATION
from proctorium_session.storage.tables import participant_assessments, participants, sessions


async def list_closed(tx: Transaction, excluded: Collection[UUID], limit: int) -> Sequence[UUID]:
    """Return the ids of at most `limit` closing sessions whose end has been reached. The earliest end is first.

    The sessions in `excluded` are omitted.
    """
    statement = (
        select(sessions.c.session_id)
        .where(
            sessions.c.state == SessionState.CLOSING.value,
            sessions.c.closing_end_at <= tx.now,
            sessions.c.session_id.not_in(excluded),
        )
        .order_by(sessions.c.closing_end_at)
        .limit(limit)
    )
    return (await tx.execute(statement)).scalars().all()


async def list_reopenable_until_now(
    tx: Transaction, excluded: Collection[UUID], limit: int
) -> Sequence[UUID]:
    """Return the ids of at most `limit` sessions whose reopening window is over. The earliest is first.

    The sessions in `excluded` are omitted.
    """
    statement = (
        select(sessions.c.session_id)
        .where(sessions.c.reopen_until <= tx.now, sessions.c.session_id.not_in(excluded))
        .order_by(sessions.c.reopen_until)
        .limit(limit)
    )
    return (await tx.execute(statement)).scalars().all()


async def list_overdue(tx: Transaction, excluded: Collection[UUID], limit: int) -> Sequence[UUID]:
    """Return the ids of at most `limit` sessions in progress that may have to close, or whose overdue mark may change.

    Sessions that only wait for a deadline or for the end of a pause are omitted, so that their rows are not locked in
    every run. The sessions in `excluded` are omitted too.
    """
    rows = await tx.fetch(_LIST_OVERDUE, tx.now, limit, MIN_TIME_AFTER_CANCELLATION, list(excluded))
    return [row["session_id"] for row in rows]


async def list_open_times(tx: Transaction, session_id: UUID) -> list[AttemptTime]:
    """Return the times of the attempts in progress of participants who are In Session."""
    statement = (
        select(
            participant_assessments.c.deadline_at,
            participant_assessments.c.stopped,
            participant_assessments.c.stopped_remaining,
        )
        .join(
            participants,
            participants.c.participant_id == participant_assessments.c.participant_id,
        )
        .where(
            participants.c.session_id == session_id,
            participants.c.state == ParticipantState.IN_SESSION.value,
            participant_assessments.c.state == ProgressState.IN_PROGRESS.value,
        )
    )
    return [AttemptTime(*row) for row in await tx.execute(statement)]


_LIST_OVERDUE = f"""
    SELECT session_id FROM sessions
    LEFT JOIN LATERAL (
        SELECT bool_or(stopped) AS stopped, max(deadline_at) AS deadline_at
        FROM participants JOIN participant_assessments progress USING (participant_id)
        WHERE participants.session_id = sessions.session_id AND participants.state = 'in_session'
            AND progress.state = {ProgressState.IN_PROGRESS.value}
    ) AS attempts ON true
    WHERE sessions.state = 'in_progress' AND start_time + duration + auto_close_after <= $1
        AND (closing_cancelled_at IS NULL OR closing_cancelled_at + greatest(auto_close_after, $3) <= $1)
        AND CASE
            WHEN attempts.stopped THEN overdue_at IS NULL
            WHEN attempts.deadline_at > $1 + closing_countdown THEN overdue_at IS NOT NULL
            ELSE true
        END
        AND session_id <> ALL($4::uuid[])
    ORDER BY start_time
    LIMIT $2
"""  # noqa: S608 - constants
