"""Queries of pauses. A trigger copies the open pause to the row of the session or the participant."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, insert, select, update

from proctorium_common.storage.database import Transaction
from proctorium_session.domain.periods import Period
from proctorium_session.domain.sessions import Actor, Pause
from proctorium_session.storage.tables import pauses


async def insert_pauses(
    tx: Transaction, session_id: UUID, new: Mapping[UUID | None, Pause], actor: Actor
) -> None:
    """Insert the pauses in `new` by participant id. The key None is for a pause of the whole session.

    The caller has locked the session's row.
    """
    if not new:
        return
    await tx.execute(
        insert(pauses),
        [
            {
                "pause_id": pause.pause_id,
                "session_id": session_id,
                "participant_id": participant_id,
                "pause_reason": pause.reason,
                "paused_at": pause.paused_at,
                "paused_by": actor.person_id,
                "acting_role": actor.role,
            }
            for participant_id, pause in new.items()
        ],
    )


async def end_pauses(
    tx: Transaction, pause_ids: Collection[UUID], resumed_at: datetime, resumed_by: UUID
) -> None:
    """Store the end of open pauses. The caller has locked the session's row.

    No pause ends before its start, even if the clock of the database was set back.
    """
    if not pause_ids:
        return
    await tx.execute(
        update(pauses)
        .where(pauses.c.pause_id.in_(pause_ids))
        .values(
            resumed_at=func.greatest(pauses.c.paused_at, resumed_at),
            resumed_by=resumed_by,
        )
    )


async def list_periods(tx: Transaction, session_id: UUID) -> Mapping[UUID | None, Sequence[Period]]:
    """Return the periods of all pauses of a session in order, by participant id.

    The key None is for the pauses of the whole session.
    """
    statement = (
        select(pauses.c.participant_id, pauses.c.paused_at, pauses.c.resumed_at)
        .where(pauses.c.session_id == session_id)
        .order_by(pauses.c.paused_at, pauses.c.pause_id)
    )
    periods: defaultdict[UUID | None, list[Period]] = defaultdict(list)
    for row in await tx.execute(statement):
        periods[row.participant_id].append(Period(row.paused_at, row.resumed_at))
    return periods
