"""Reading the session record (`S18`) and the log of its accesses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from proctorium_access.certifications import require_certification
from proctorium_common.rpc.caller import Caller
from proctorium_common.storage import pages
from proctorium_common.storage.database import Transaction
from proctorium_session.domain.record import Entry
from proctorium_session.domain.refusals import no_session, record_closed
from proctorium_session.domain.session_states import Mover, SessionState
from proctorium_session.domain.sessions import Session
from proctorium_session.operations.access import Actor, actor_in, is_administrator, supervised
from proctorium_session.storage import record, record_accesses, sessions
from proctorium_session.storage.record_accesses import Access

_USUAL, _MOST = 100, 1000


async def page(
    tx: Transaction,
    caller: Caller,
    session_id: UUID,
    *,
    readable: timedelta,
    page_size: int,
    page_token: str,
) -> tuple[Sequence[Entry], str]:
    """Log the access and return a page of the record, in order; proctors may read it until `readable` after the session's end.

    Raises NOT_FOUND, NOT_YOUR_SESSION, RECORD_CLOSED, CERTIFICATION_ENDED, INVALID_PAGE_TOKEN.
    """
    session = supervised(await sessions.find(tx, session_id), caller)
    reader = await _reader(tx, caller, session, readable)
    await record_accesses.add(tx, session_id, reader.person_id, reader.role)
    name = f"record:{session_id}"
    limit = pages.size_of(page_size, usual=_USUAL, most=_MOST)
    tokens = await pages.tokens(tx)
    after = tokens.after(name, page_token, int)
    found = await record.page(tx, session_id, after=after[0] if after else 0, limit=limit + 1)
    return tokens.cut(name, found, limit, lambda entry: (entry.number,))


async def _reader(tx: Transaction, caller: Caller, session: Session, readable: timedelta) -> Actor:
    """Return the caller in the role in which they may read the record. Raises RECORD_CLOSED, CERTIFICATION_ENDED."""
    reader = await actor_in(tx, session, caller)
    over_at = await _over_at(tx, session)
    if over_at is not None and tx.now > over_at + readable:
        if not is_administrator(caller):
            raise record_closed()
        return replace(reader, role=Mover.ADMINISTRATOR)
    if reader.role is Mover.PROCTOR:
        await require_certification(tx, reader.person_id)
    return reader


async def _over_at(tx: Transaction, session: Session) -> datetime | None:
    """Return when the session ended or was cancelled; None if it is not over."""
    if session.state is SessionState.CANCELLED:
        return await record.time_of(tx, session.session_id, "session.cancelled")
    return session.end_time


async def accesses(
    tx: Transaction, session_id: UUID, *, page_size: int, page_token: str
) -> tuple[Sequence[Access], str]:
    """Return a page of accesses to the record, newest first. Raises NOT_FOUND, INVALID_PAGE_TOKEN."""
    if await sessions.find(tx, session_id) is None:
        raise no_session()
    name = f"record-accesses:{session_id}"
    limit = pages.size_of(page_size)
    tokens = await pages.tokens(tx)
    before = tokens.after(name, page_token, datetime, UUID, str)
    found = await record_accesses.page(tx, session_id, before=before, limit=limit + 1)
    return tokens.cut(name, found, limit, lambda each: (each.minute, each.read_by, each.read_as))
