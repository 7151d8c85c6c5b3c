"""Queries of grants of extra time. A trigger adds each grant to the extra time of the participant."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import insert

from proctorium_common.storage.database import Transaction
from proctorium_session.domain.extra_time import ExtraTimeGrant
from proctorium_session.storage.tables import extra_time_grants


async def insert_grants(tx: Transaction, grants: Collection[ExtraTimeGrant]) -> None:
    """Insert grants of extra time, at least one. The caller has locked the session's row."""
    await tx.execute(
        insert(extra_time_grants),
        [
            {
                "grant_id": grant.grant_id,
                "session_id": grant.session_id,
                "participant_id": grant.participant_id,
                "amount": grant.amount,
                "extra_time_reason": grant.reason,
                "granted_at": grant.granted_at,
                "granted_by": grant.actor.person_id,
                "acting_role": grant.actor.role,
            }
            for grant in grants
        ],
    )
