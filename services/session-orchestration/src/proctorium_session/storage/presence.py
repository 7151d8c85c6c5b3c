"""Queries of leases.

A lease has a participant, a replica on which the participant has an open stream, and the end of the validity.

All times come from the clock of the database (`now()`), because the clocks of replicas differ.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import ARRAY, Interval, Uuid, bindparam, text

from proctorium_common.storage.database import Transaction

_UPSERT_LEASES = text("""
    INSERT INTO presence (participant_id, replica_id, expires_at)
    SELECT participant_id, :replica_id, now() + :length
    FROM unnest(:participant_ids) AS open (participant_id)
    ORDER BY participant_id
    ON CONFLICT (participant_id, replica_id) DO UPDATE SET expires_at = excluded.expires_at
""").bindparams(
    bindparam("replica_id", type_=Uuid),
    bindparam("participant_ids", type_=ARRAY(Uuid)),
    bindparam("length", type_=Interval),
)

_DELETE_EXPIRED_LEASES = text("DELETE FROM presence WHERE expires_at < now() - interval '1 minute'")

_LIST_STALE_PARTICIPANTS = text("""
    SELECT p.session_id, p.participant_id
    FROM participants p JOIN sessions s USING (session_id)
    WHERE p.connected AND s.state NOT IN ('ended', 'cancelled') AND NOT EXISTS (
        SELECT FROM presence l WHERE l.participant_id = p.participant_id AND l.expires_at > now()
    )
    UNION
    SELECT p.session_id, p.participant_id
    FROM presence l JOIN participants p USING (participant_id) JOIN sessions s USING (session_id)
    WHERE l.expires_at > now() AND NOT p.connected AND s.state NOT IN ('ended', 'cancelled')
""")

_UPDATE_CONNECTED = text("""
    UPDATE participants p
    SET connected = NOT p.connected, revision = :revision
    WHERE p.participant_id = ANY(:participant_ids) AND p.connected <> EXISTS (
        SELECT FROM presence l WHERE l.participant_id = p.participant_id AND l.expires_at > now()
    )
    RETURNING p.participant_id, p.person_id, p.connected
""").bindparams(bindparam("participant_ids", type_=ARRAY(Uuid)))


@dataclass(frozen=True, slots=True)
class StaleParticipants:
    """The participants of one session whose column `connected` differs from their leases."""

    session_id: UUID
    participant_ids: Sequence[UUID]

    def in_batches(self, size: int) -> Iterator[StaleParticipants]:
        """Yield the participants in batches of at most `size`."""
        for first in range(0, len(self.participant_ids), size):
            yield StaleParticipants(self.session_id, self.participant_ids[first : first + size])


@dataclass(frozen=True, slots=True)
class ConnectionChange:
    """A participant whose column `connected` has changed."""

    participant_id: UUID
    person_id: UUID
    connected: bool


async def upsert_leases(
    tx: Transaction, participant_ids: Collection[UUID], length: timedelta, *, replica_id: UUID
) -> None:
    """Store leases of this replica for the participants. The leases are valid for `length` from now."""
    await tx.execute(
        _UPSERT_LEASES,
        {"replica_id": replica_id, "participant_ids": sorted(participant_ids), "length": length},
    )


async def delete_expired_leases(tx: Transaction) -> None:
    """Delete leases that expired more than a minute ago."""
    await tx.execute(_DELETE_EXPIRED_LEASES)


async def list_stale_participants(tx: Transaction) -> list[StaleParticipants]:
    """Return the participants whose column `connected` differs from their leases, in sessions that are not over."""
    stale: dict[UUID, list[UUID]] = {}
    for row in await tx.execute(_LIST_STALE_PARTICIPANTS):
        stale.setdefault(row.session_id, []).append(row.participant_id)
    return [StaleParticipants(session_id, ids) for session_id, ids in stale.items()]


async def update_connected(
    tx: Transaction, participant_ids: Sequence[UUID], revision: int
) -> list[ConnectionChange]:
    """Update the column `connected` of the participants by their leases, and return the changes.

    The caller has locked the session's row.
    """
    rows = await tx.execute(
        _UPDATE_CONNECTED, {"participant_ids": list(participant_ids), "revision": revision}
    )
    changed = [ConnectionChange(row.participant_id, row.person_id, row.connected) for row in rows]
    return sorted(changed, key=lambda each: each.participant_id)
