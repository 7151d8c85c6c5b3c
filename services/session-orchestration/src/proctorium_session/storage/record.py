"""Queries of the entries of session records. Rows are only inserted."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select

from proctorium_common.storage.database import Transaction
from proctorium_session.domain.record import Entry, EntryContent
from proctorium_session.storage.tables import session_record


async def list_entries(tx: Transaction, session_id: UUID, *, after: int, limit: int) -> list[Entry]:
    """Return at most `limit` entries of a session record, in order. All numbers are greater than `after`."""
    return [_entry(row) for row in await tx.execute(_entries(session_id, after, limit))]


async def list_entries_for_participant(
    tx: Transaction, session_id: UUID, participant_id: UUID, *, after: int, limit: int
) -> list[Entry]:
    """Return at most `limit` entries that concern a participant, in order. All numbers are greater than `after`.

    Entries about the whole session are included, except incidents, because proctors write incidents for proctors.
    """
    concerns_all = session_record.c.participant_id.is_(None) & ~session_record.c.event.startswith(
        "incident.", autoescape=True
    )
    statement = _entries(session_id, after, limit).where(
        (session_record.c.participant_id == participant_id) | concerns_all
    )
    return [_entry(row) for row in await tx.execute(statement)]


async def list_entries_of_events(
    tx: Transaction, session_id: UUID, events: Collection[str]
) -> list[Entry]:
    """Return all entries of a session record about these events, in order."""
    statement = (
        select(session_record)
        .where(session_record.c.session_id == session_id, session_record.c.event.in_(events))
        .order_by(session_record.c.number)
    )
    return [_entry(row) for row in await tx.execute(statement)]


async def get_event_time(tx: Transaction, session_id: UUID, event: str) -> datetime | None:
    """Return the time of the first entry of this event in the session record, or None if there is no such entry."""
    statement = (
        select(session_record.c.time)
        .where(session_record.c.session_id == session_id, session_record.c.event == event)
        .order_by(session_record.c.number)
        .limit(1)
    )
    return (await tx.execute(statement)).scalar_one_or_none()


async def count_entries(
    tx: Transaction, session_id: UUID, names: Collection[str]
) -> Mapping[UUID | None, int]:
    """Return the number of entries about the events `names`, by participant id.

    The key None has the number of entries that concern no single participant.
    """
    statement = (
        select(session_record.c.participant_id, func.count().label("entries"))
        .where(session_record.c.session_id == session_id, session_record.c.event.in_(names))
        .group_by(session_record.c.participant_id)
    )
    return {row.participant_id: row.entries for row in await tx.execute(statement)}


def _entries(session_id: UUID, after: int, limit: int) -> Select[Any]:
    return (
        select(session_record)
        .where(session_record.c.session_id == session_id, session_record.c.number > after)
        .order_by(session_record.c.number)
        .limit(limit)
    )


def _entry(row: Any) -> Entry:
    content = EntryContent(row.event, row.time, row.actor, row.participant_id, row.body)
    return Entry(row.number, content, row.hash)
