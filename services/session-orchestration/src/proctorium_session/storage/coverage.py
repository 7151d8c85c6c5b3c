"""Queries of the presence of proctors, and of the sessions that are uncovered.

A lease contains a session, a person, the replica on which this person watches the roster, and the time at which
the lease expires.

All times come from the clock of the database (`now()`), because the clocks of replicas differ.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import exists, or_, tuple_

from proctorium_common.storage.database import Transaction
from proctorium_session.domain.sessions import Session
from proctorium_session.storage.sessions import select_sessions, session_from_row
from proctorium_session.storage.tables import participants, session_learners, sessions

Key = tuple[UUID, UUID]
"""The id of a session, and the id of a person who watches the roster of the session."""

_UPSERT_LEASES = """
    INSERT INTO proctor_presence (session_id, person_id, replica_id, expires_at)
    SELECT session_id, person_id, $3, now() + $4::interval
    FROM unnest($1::uuid[], $2::uuid[]) AS open (session_id, person_id)
    ORDER BY session_id, person_id
    ON CONFLICT (session_id, person_id, replica_id) DO UPDATE SET expires_at = excluded.expires_at
"""

_SHORTEN_LEASES = """
    UPDATE proctor_presence SET expires_at = least(expires_at, now() + $4::interval)
    WHERE (session_id, person_id) IN (SELECT * FROM unnest($1::uuid[], $2::uuid[]))
        AND replica_id = $3 AND expires_at > now()
"""

_DELETE_EXPIRED_LEASES = """
    DELETE FROM proctor_presence WHERE expires_at < now() - interval '1 minute'
"""

_PRESENT = """
    ARRAY(
        SELECT DISTINCT l.person_id FROM proctor_presence l
        WHERE l.session_id = s.session_id AND l.expires_at > now() ORDER BY l.person_id
    )
"""

_LIST_STALE_SESSION_IDS = f"""
    SELECT s.session_id FROM sessions s, LATERAL (SELECT {_PRESENT} AS ids) AS present
    WHERE s.state NOT IN ('scheduled', 'ended', 'cancelled') AND (
        s.present_ids <> present.ids
        OR present.ids = '{{}}' AND (
            s.absent_at IS NULL
            OR s.uncovered_at IS NULL AND greatest(s.absent_at, $1) + s.uncovered_after <= now()
        )
    )
    ORDER BY s.session_id
"""  # noqa: S608 - constants

_GET_PRESENT = f"""
    SELECT {_PRESENT} AS ids, now() AS now FROM sessions s WHERE s.session_id = $1
"""  # noqa: S608 - constants


@dataclass(frozen=True, slots=True)
class Present:
    """The people who are present in a session at the time `now` of the database."""

    ids: tuple[UUID, ...]
    now: datetime


async def upsert_leases(
    tx: Transaction, keys: Collection[Key], length: timedelta, *, replica_id: UUID
) -> None:
    """Store leases of this replica. The leases are valid for `length` from now."""
    session_ids, person_ids = [each[0] for each in keys], [each[1] for each in keys]
    await tx.fetch(_UPSERT_LEASES, session_ids, person_ids, replica_id, length)


async def shorten_leases(
    tx: Transaction, keys: Collection[Key], length: timedelta, *, replica_id: UUID
) -> None:
    """Let the valid leases of this replica expire after `length` from now."""
    session_ids, person_ids = [each[0] for each in keys], [each[1] for each in keys]
    await tx.fetch(_SHORTEN_LEASES, session_ids, person_ids, replica_id, length)


async def delete_expired_leases(tx: Transaction) -> None:
    """Delete leases that expired more than a minute ago."""
    await tx.fetch(_DELETE_EXPIRED_LEASES)


async def get_time(tx: Transaction) -> datetime:
    """Return the time of the database."""
    (row,) = await tx.fetch("SELECT now() AS now")
    now = row["now"]
    assert isinstance(now, datetime)
    return now


async def list_stale_session_ids(tx: Transaction, observing_since: datetime) -> Sequence[UUID]:
    """Return the ids of the sessions whose coverage differs from the leases, or that have become uncovered now.

    Absences are counted from `observing_since` at the earliest.
    """
    rows = await tx.fetch(_LIST_STALE_SESSION_IDS, observing_since)
    return [row["session_id"] for row in rows]


async def get_present(tx: Transaction, session_id: UUID) -> Present:
    """Return the people who are present in an existing session."""
    (row,) = await tx.fetch(_GET_PRESENT, session_id)
    return Present(tuple(row["ids"]), row["now"])


async def list_uncovered_sessions(
    tx: Transaction, person_id: UUID, *, after: tuple[datetime, UUID] | None, limit: int
) -> list[Session]:
    """Return at most `limit` uncovered sessions, the longest uncovered session first.

    The list omits sessions in which the person takes part as a learner. If `after` is not None, the list starts after
    the session that became uncovered at this time and has this id.
    """
    takes_part = [
        exists().where(table.c.session_id == sessions.c.session_id, table.c.person_id == person_id)
        for table in (session_learners, participants)
    ]
    order = (sessions.c.uncovered_at, sessions.c.session_id)
    statement = (
        select_sessions()
        .where(sessions.c.uncovered_at.is_not(None), ~or_(*takes_part))
        .order_by(*order)
        .limit(limit)
    )
    if after is not None:
        statement = statement.where(tuple_(*order) > tuple_(*after))
    return [session_from_row(row._mapping) for row in await tx.execute(statement)]
