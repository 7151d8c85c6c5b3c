"""Queries of leases.

A lease contains a participant, the replica on which the participant has an open stream, the time at which the lease
was last renewed, and the time at which it expires.

All times come from the clock of the database (`now()`), because the clocks of replicas differ.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ARRAY, Interval, Uuid, bindparam, text

from proctorium_common.storage.database import Transaction

_UPSERT_LEASES = text("""
    INSERT INTO presence (participant_id, replica_id, renewed_at, expires_at)
    SELECT participant_id, :replica_id, now(), now() + :length
    FROM unnest(:participant_ids) AS open (participant_id)
    ORDER BY participant_id
    ON CONFLICT (participant_id, replica_id)
        DO UPDATE SET renewed_at = excluded.renewed_at, expires_at = excluded.expires_at
""").bindparams(
    bindparam("replica_id", type_=Uuid),
    bindparam("participant_ids", type_=ARRAY(Uuid)),
    bindparam("length", type_=Interval),
)

# A lease that has expired stays expired, because its participant may already be disconnected.
_SHORTEN_LEASES = text("""
    UPDATE presence SET renewed_at = now(), expires_at = least(expires_at, now() + :length)
    WHERE replica_id = :replica_id AND participant_id = ANY(:participant_ids) AND expires_at > now()
""").bindparams(
    bindparam("replica_id", type_=Uuid),
    bindparam("participant_ids", type_=ARRAY(Uuid)),
    bindparam("length", type_=Interval),
)

_DELETE_EXPIRED_LEASES = text(
    "DELETE FROM presence WHERE expires_at < now() - interval '10 minutes'"
)

# A replica that was not seen for the length of a lease counts as newly started, because leases of connected learners
# may have expired in the meantime.
_UPSERT_REPLICA = text("""
    INSERT INTO presence_replicas AS replica (replica_id, since, seen_at) VALUES (:replica_id, now(), now())
    ON CONFLICT (replica_id) DO UPDATE SET seen_at = now(),
        since = CASE WHEN replica.seen_at < now() - :length THEN now() ELSE replica.since END
""").bindparams(bindparam("replica_id", type_=Uuid), bindparam("length", type_=Interval))

_DELETE_OLD_REPLICAS = text(
    "DELETE FROM presence_replicas WHERE seen_at < now() - interval '1 hour'"
)

# `lost_at` is the time at which the participant's connection was lost, or null if this is not known yet. If the replica
# of the newest lease was seen before the lease was renewed and after it expired, the replica could have renewed the
# lease, so the learner lost the connection. Otherwise, the service itself was away. The learner then has the time
# `reconnect` to connect again. It starts when the replica came back (or was last seen, if it did not come back), or
# when the first of the running replicas was started, whichever is later.
_STATUS = """
    SELECT p.participant_id, p.session_id, p.connected, lease.valid,
        CASE
            WHEN lease.renewed_at >= replica.since AND replica.seen_at >= lease.expires_at THEN lease.renewed_at
            WHEN running.since + :reconnect <= now() THEN running.since + :reconnect
        END AS lost_at
    FROM participants p
    LEFT JOIN LATERAL (
        SELECT l.replica_id, l.renewed_at, l.expires_at, l.expires_at > now() AS valid
        FROM presence l WHERE l.participant_id = p.participant_id
        ORDER BY l.expires_at > now() DESC, l.renewed_at DESC LIMIT 1
    ) AS lease ON true
    LEFT JOIN presence_replicas replica USING (replica_id)
    CROSS JOIN LATERAL (
        SELECT greatest(
            CASE WHEN replica.since > lease.renewed_at THEN replica.since ELSE replica.seen_at END,
            lease.renewed_at,
            min(r.since)
        ) AS since
        FROM presence_replicas r WHERE r.seen_at > now() - :length
    ) AS running
"""

_LIST_STALE_PARTICIPANTS = text(f"""
    SELECT status.session_id, status.participant_id FROM ({_STATUS}
        JOIN sessions s USING (session_id)
        WHERE p.connected AND s.state NOT IN ('ended', 'cancelled') AND NOT EXISTS (
            SELECT FROM presence l WHERE l.participant_id = p.participant_id AND l.expires_at > now()
        )
    ) AS status WHERE status.lost_at IS NOT NULL
    UNION
    SELECT p.session_id, p.participant_id
    FROM presence l JOIN participants p USING (participant_id) JOIN sessions s USING (session_id)
    WHERE l.expires_at > now() AND NOT p.connected AND s.state NOT IN ('ended', 'cancelled')
""").bindparams(bindparam("length", type_=Interval), bindparam("reconnect", type_=Interval))  # noqa: S608 - constants

_UPDATE_CONNECTED = text(f"""
    UPDATE participants p
    SET connected = NOT p.connected, revision = :revision
    FROM ({_STATUS} WHERE p.participant_id = ANY(:participant_ids)) AS status
    WHERE p.participant_id = status.participant_id AND p.connected = status.connected
        AND CASE WHEN p.connected THEN status.valid IS NOT TRUE AND status.lost_at IS NOT NULL ELSE status.valid END
    RETURNING p.participant_id, p.connected, CASE WHEN NOT p.connected THEN status.lost_at END AS lost_at, now() AS now
""").bindparams(  # noqa: S608 - constants
    bindparam("participant_ids", type_=ARRAY(Uuid)),
    bindparam("length", type_=Interval),
    bindparam("reconnect", type_=Interval),
)


@dataclass(frozen=True, slots=True)
class ConnectionChange:
    """A participant whose column `connected` has changed.

    `lost_at` is the time at which the connection was lost, or None if the participant has connected. `now` is the time
    of the change.
    """

    participant_id: UUID
    lost_at: datetime | None
    now: datetime


async def upsert_leases(
    tx: Transaction, participant_ids: Collection[UUID], length: timedelta, *, replica_id: UUID
) -> None:
    """Store leases of this replica for the participants. The leases are valid for `length` from now."""
    await tx.execute(
        _UPSERT_LEASES,
        {"replica_id": replica_id, "participant_ids": sorted(participant_ids), "length": length},
    )


async def shorten_leases(
    tx: Transaction, participant_ids: Collection[UUID], length: timedelta, *, replica_id: UUID
) -> None:
    """Let the valid leases of this replica for the participants expire after `length` from now."""
    await tx.execute(
        _SHORTEN_LEASES,
        {"replica_id": replica_id, "participant_ids": sorted(participant_ids), "length": length},
    )


async def delete_expired_leases(tx: Transaction) -> None:
    """Delete leases that expired more than ten minutes ago, and replicas that have not run for an hour."""
    await tx.execute(_DELETE_EXPIRED_LEASES)
    await tx.execute(_DELETE_OLD_REPLICAS)


async def upsert_replica(tx: Transaction, replica_id: UUID, length: timedelta) -> None:
    """Store that this replica runs now. `length` is the length of its leases."""
    await tx.execute(_UPSERT_REPLICA, {"replica_id": replica_id, "length": length})


async def list_stale_participants(
    tx: Transaction, *, length: timedelta, reconnect: timedelta
) -> dict[UUID, list[UUID]]:
    """Return the participants whose column `connected` differs from their leases, by session.

    Sessions that are over are omitted. `length` is the length of a lease. After the service itself was away, learners
    have the time `reconnect` for connecting again before they are listed.
    """
    stale: dict[UUID, list[UUID]] = {}
    parameters = {"length": length, "reconnect": reconnect}
    for row in await tx.execute(_LIST_STALE_PARTICIPANTS, parameters):
        stale.setdefault(row.session_id, []).append(row.participant_id)
    return stale


async def update_connected(
    tx: Transaction,
    participant_ids: Sequence[UUID],
    revision: int,
    *,
    length: timedelta,
    reconnect: timedelta,
) -> list[ConnectionChange]:
    """Update the column `connected` of the participants by their leases, and return the changes.

    `length` and `reconnect` are the times of `list_stale_participants`. The caller has locked the session's row.
    """
    rows = await tx.execute(
        _UPDATE_CONNECTED,
        {
            "participant_ids": list(participant_ids),
            "revision": revision,
            "length": length,
            "reconnect": reconnect,
        },
    )
    changed = [ConnectionChange(row.participant_id, row.lost_at, row.now) for row in rows]
    return sorted(changed, key=lambda each: each.participant_id)
