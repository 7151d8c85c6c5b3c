"""Queries of removals, and of the ends of sessions for single participants.

A trigger copies an end to the row of its participant.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, insert, update

from proctorium_common.storage.database import Transaction
from proctorium_session.domain.participants import Ending, Removal
from proctorium_session.domain.sessions import Actor
from proctorium_session.storage.tables import endings, removals


async def insert_removals(
    tx: Transaction, session_id: UUID, new: Mapping[UUID, Removal], actor: Actor
) -> None:
    """Insert the removals in `new`, by participant id. There is at least one.

    The caller has locked the session's row, and updates the participants afterwards.
    """
    await tx.execute(
        insert(removals),
        [
            {
                "removal_id": removal.removal_id,
                "session_id": session_id,
                "participant_id": participant_id,
                "removal_reason": removal.reason,
                "removed_at": removal.removed_at,
                "removed_by": actor.person_id,
                "acting_role": actor.role,
            }
            for participant_id, removal in new.items()
        ],
    )


async def end_removals(
    tx: Transaction, participant_ids: Collection[UUID], readmitted_at: datetime, readmitted_by: UUID
) -> None:
    """Store the end of the open removals of participants. The caller updates the participants afterwards.

    No removal ends before its start, even if the clock of the database was set back.
    """
    await tx.execute(
        update(removals)
        .where(removals.c.participant_id.in_(participant_ids), removals.c.readmitted_at.is_(None))
        .values(
            readmitted_at=func.greatest(removals.c.removed_at, readmitted_at),
            readmitted_by=readmitted_by,
        )
    )


async def insert_endings(
    tx: Transaction, session_id: UUID, new: Mapping[UUID, Ending], actor: Actor
) -> None:
    """Insert the ends in `new`, by participant id. There is at least one. The caller has locked the session's row."""
    await tx.execute(
        insert(endings),
        [
            {
                "ending_id": ending.ending_id,
                "session_id": session_id,
                "participant_id": participant_id,
                "end_reason": ending.reason,
                "ended_at": ending.ended_at,
                "ended_by": actor.person_id,
                "acting_role": actor.role,
            }
            for participant_id, ending in new.items()
        ],
    )


async def undo_endings(
    tx: Transaction, participant_ids: Collection[UUID], undone_at: datetime, actor: Actor
) -> None:
    """Store that the ends for participants were undone. The caller updates the participants afterwards.

    No end is undone before its time, even if the clock of the database was set back.
    """
    await tx.execute(
        update(endings)
        .where(endings.c.participant_id.in_(participant_ids), endings.c.undone_at.is_(None))
        .values(
            undone_at=func.greatest(endings.c.ended_at, undone_at),
            undone_by=actor.person_id,
            undone_role=actor.role,
        )
    )
