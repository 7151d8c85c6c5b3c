"""Queries of outages and return requests.

Triggers copy the newest outage and the open return request to the row of the participant.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, insert, select, update

from proctorium_common.storage.database import Transaction
from proctorium_session.domain.outages import Outage, ReturnRequest
from proctorium_session.domain.periods import Period
from proctorium_session.domain.sessions import Actor
from proctorium_session.storage.tables import outages, return_requests


async def insert_outages(tx: Transaction, session_id: UUID, new: Mapping[UUID, Outage]) -> None:
    """Insert the outages in `new` by participant id. The caller has locked the session's row."""
    if not new:
        return
    await tx.execute(
        insert(outages),
        [
            {
                "outage_id": outage.outage_id,
                "session_id": session_id,
                "participant_id": participant_id,
                "started_at": outage.started_at,
            }
            for participant_id, outage in new.items()
        ],
    )


async def end_outages(tx: Transaction, outage_ids: Collection[UUID], ended_at: datetime) -> None:
    """Store the end of open outages. The caller has locked the session's row.

    No outage ends before its start, even if the clock of the database was set back.
    """
    if not outage_ids:
        return
    await tx.execute(
        update(outages)
        .where(outages.c.outage_id.in_(outage_ids))
        .values(ended_at=func.greatest(outages.c.started_at, ended_at))
    )


async def list_periods(tx: Transaction, session_id: UUID) -> Mapping[UUID, Sequence[Period]]:
    """Return the periods of all outages of a session in order, by participant id."""
    statement = (
        select(outages.c.participant_id, outages.c.started_at, outages.c.ended_at)
        .where(outages.c.session_id == session_id)
        .order_by(outages.c.started_at, outages.c.outage_id)
    )
    periods: defaultdict[UUID, list[Period]] = defaultdict(list)
    for row in await tx.execute(statement):
        periods[row.participant_id].append(Period(row.started_at, row.ended_at))
    return periods


async def insert_return_requests(
    tx: Transaction, session_id: UUID, new: Mapping[UUID, ReturnRequest]
) -> None:
    """Insert the return requests in `new` by participant id. The caller has locked the session's row."""
    if not new:
        return
    await tx.execute(
        insert(return_requests),
        [
            {
                "request_id": request.request_id,
                "session_id": session_id,
                "participant_id": participant_id,
                "requested_at": request.requested_at,
            }
            for participant_id, request in new.items()
        ],
    )


async def admit_returns(
    tx: Transaction, request_ids: Collection[UUID], admitted_at: datetime, actor: Actor
) -> None:
    """Store the admission of returns. The caller has locked the session's row."""
    await tx.execute(
        update(return_requests)
        .where(return_requests.c.request_id.in_(request_ids))
        .values(
            admitted_at=func.greatest(return_requests.c.requested_at, admitted_at),
            decided_by=actor.person_id,
            acting_role=actor.role,
        )
    )


async def deny_returns(
    tx: Transaction, request_ids: Collection[UUID], denial_reason: str, actor: Actor
) -> None:
    """Store the denial of returns. The caller has locked the session's row."""
    await tx.execute(
        update(return_requests)
        .where(return_requests.c.request_id.in_(request_ids))
        .values(denial_reason=denial_reason, decided_by=actor.person_id, acting_role=actor.role)
    )
