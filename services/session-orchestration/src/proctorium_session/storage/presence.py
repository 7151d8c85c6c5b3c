"""Leases: which replica says that a participant is connected, and until when its word counts.

Times are the database's own (`now()`), since replicas' clocks differ and a lease is about fractions of a minute.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import ARRAY, Interval, Uuid, bindparam, text

from proctorium_common.storage.database import Transaction

_RENEW = text("""
    INSERT INTO presence (participant_id, replica_id, lease_until)
    SELECT participant_id, :replica_id, now() + :length
    FROM unnest(:participant_ids) AS open (participant_id)
    ORDER BY participant_id
    ON CONFLICT (participant_id, replica_id) DO UPDATE SET lease_until = excluded.lease_until
""").bindparams(
    bindparam("replica_id", type_=Uuid),
    bindparam("participant_ids", type_=ARRAY(Uuid)),
    bindparam("length", type_=Interval),
)

_FORGET = text("DELETE FROM presence WHERE lease_until < now() - interval '1 minute'")

_DIFFERING = text("""
    SELECT p.session_id, p.participant_id
    FROM participants p JOIN sessions s USING (session_id)
    WHERE p.connected AND s.state NOT IN ('ended', 'cancelled') AND NOT EXISTS (
        SELECT FROM presence l WHERE l.participant_id = p.participant_id AND l.lease_until > now()
    )
    UNION
    SELECT p.session_id, p.participant_id
    FROM presence l JOIN participants p USING (participant_id) JOIN sessions s USING (session_id)
    WHERE l.lease_until > now() AND NOT p.connected AND s.state NOT IN ('ended', 'cancelled')
""")

_SETTLE = text("""
    UPDATE participants p
    SET connected = NOT p.connected, revision = :revision
    WHERE p.participant_id = ANY(:participant_ids) AND p.connected <> EXISTS (
        SELECT FROM presence l WHERE l.participant_id = p.participant_id AND l.lease_until > now()
    )
    RETURNING p.participant_id, p.person_id, p.connected
""").bindparams(bindparam("participant_ids", type_=ARRAY(Uuid)))


@dataclass(frozen=True, slots=True)
class Differing:
    """Participants of one session who are shown otherwise than the leases say."""

    session_id: UUID
    participant_ids: Sequence[UUID]

    def in_batches(self, size: int) -> Iterator[Differing]:
        """The same, `size` of them at a time."""
        for first in range(0, len(self.participant_ids), size):
            yield Differing(self.session_id, self.participant_ids[first : first + size])


@dataclass(frozen=True, slots=True)
class Settled:
    """A participant whose connection is shown as it is now."""

    participant_id: UUID
    person_id: UUID
    connected: bool


async def renew(
    tx: Transaction, replica_id: UUID, participant_ids: Collection[UUID], length: timedelta
) -> None:
    """This replica's word for the participants, good for `length` from now on."""
    await tx.execute(
        _RENEW,
        {"replica_id": replica_id, "participant_ids": sorted(participant_ids), "length": length},
    )


async def forget_lapsed(tx: Transaction) -> None:
    """Removes leases that have been over for a while."""
    await tx.execute(_FORGET)


async def differing(tx: Transaction) -> list[Differing]:
    """Where what is shown is not what the leases say, in sessions that live."""
    found: dict[UUID, list[UUID]] = {}
    for row in await tx.execute(_DIFFERING):
        found.setdefault(row.session_id, []).append(row.participant_id)
    return [Differing(session_id, ids) for session_id, ids in found.items()]


async def settle(tx: Transaction, participant_ids: Sequence[UUID], revision: int) -> list[Settled]:
    """Shows the participants as the leases say now; those who changed by it. The session is locked."""
    rows = await tx.execute(
        _SETTLE, {"participant_ids": list(participant_ids), "revision": revision}
    )
    changed = [Settled(row.participant_id, row.person_id, row.connected) for row in rows]
    return sorted(changed, key=lambda each: each.participant_id)
