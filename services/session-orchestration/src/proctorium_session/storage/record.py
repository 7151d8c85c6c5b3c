"""The session record as rows; they are only ever added."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, DateTime, LargeBinary, Text, Uuid, bindparam, select, text

from proctorium_common.storage.database import Transaction
from proctorium_session.domain.record import Entry, Happening
from proctorium_session.storage.tables import session_record

# Arrays make one statement, prepared once, of however many entries.
_APPEND = text("""
    INSERT INTO session_record (session_id, number, event, time, actor, participant_id, body, hash)
    SELECT session_id, number, event, time, actor, participant_id, body, hash
    FROM unnest(:session_ids, :numbers, :events, :times, :actors, :participant_ids, :bodies, :hashes)
        AS entry (session_id, number, event, time, actor, participant_id, body, hash)
    ORDER BY session_id, number
""").bindparams(
    bindparam("session_ids", type_=ARRAY(Uuid)),
    bindparam("numbers", type_=ARRAY(BigInteger)),
    bindparam("events", type_=ARRAY(Text)),
    bindparam("times", type_=ARRAY(DateTime(timezone=True))),
    bindparam("actors", type_=ARRAY(Text)),
    bindparam("participant_ids", type_=ARRAY(Uuid)),
    bindparam("bodies", type_=ARRAY(LargeBinary)),
    bindparam("hashes", type_=ARRAY(LargeBinary)),
)


async def append(tx: Transaction, added: Sequence[tuple[UUID, Entry]]) -> None:
    """Adds entries that follow the last one of their session, which is locked."""
    entries = [entry for _, entry in added]
    happenings = [entry.happening for entry in entries]
    await tx.execute(
        _APPEND,
        {
            "session_ids": [session_id for session_id, _ in added],
            "numbers": [entry.number for entry in entries],
            "events": [each.event for each in happenings],
            "times": [each.time for each in happenings],
            "actors": [each.actor for each in happenings],
            "participant_ids": [each.participant_id for each in happenings],
            "bodies": [each.body for each in happenings],
            "hashes": [entry.hash for entry in entries],
        },
    )


async def page(tx: Transaction, session_id: UUID, *, after: int, limit: int) -> list[Entry]:
    """Entries in order, those that follow number `after`."""
    statement = (
        select(session_record)
        .where(session_record.c.session_id == session_id, session_record.c.number > after)
        .order_by(session_record.c.number)
        .limit(limit)
    )
    return [
        Entry(
            row.number,
            Happening(row.event, row.time, row.actor, row.participant_id, row.body),
            row.hash,
        )
        for row in await tx.execute(statement)
    ]


async def time_of(tx: Transaction, session_id: UUID, event: str) -> datetime | None:
    """Return the time of the first `event` in the session; None if there is none."""
    statement = (
        select(session_record.c.time)
        .where(session_record.c.session_id == session_id, session_record.c.event == event)
        .order_by(session_record.c.number)
        .limit(1)
    )
    return (await tx.execute(statement)).scalar_one_or_none()
