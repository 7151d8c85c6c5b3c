"""Reading the session record (`S18`) and its access log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from proctorium_access.certifications import require_certification
from proctorium_common.rpc.caller import Caller
from proctorium_common.storage import pages
from proctorium_common.storage.database import Database, Transaction
from proctorium_session.domain.errors import no_session, record_closed
from proctorium_session.domain.record import Entry, OwnEntry, own_entry
from proctorium_session.domain.session_states import SessionState
from proctorium_session.domain.sessions import ActingRole, Actor, Session
from proctorium_session.operations.actors import (
    require_no_learner,
    require_supervised,
    session_actor,
)
from proctorium_session.storage import participants, record, record_accesses, sessions
from proctorium_session.storage.record_accesses import RecordAccess

_DEFAULT_PAGE_SIZE, _MAX_PAGE_SIZE = 100, 1000


async def read_record(
    database: Database,
    caller: Caller,
    session_id: UUID,
    *,
    access_period: timedelta,
    page_size: int,
    page_token: str,
) -> tuple[Sequence[Entry], str]:
    """Return a page of the session record, in order, and the token of the next page. Log the access.

    Proctors may read the record until `access_period` after the end of the session. Raises NOT_FOUND, NOT_YOUR_SESSION,
    RECORD_CLOSED, CERTIFICATION_ENDED, INVALID_PAGE_TOKEN.
    """
    name = f"record:{session_id}"
    limit = pages.effective_size(page_size, default=_DEFAULT_PAGE_SIZE, maximum=_MAX_PAGE_SIZE)
    async with database.transaction() as tx:
        session = require_supervised(await sessions.get_session(tx, session_id), caller)
        reader = await record_reader(tx, caller, session, access_period)
        await record_accesses.insert_access(tx, session_id, reader)
        tokens = await pages.tokens(tx)
        after = tokens.after(name, page_token, int)
        entries = await record.list_entries(
            tx, session_id, after=after[0] if after else 0, limit=limit + 1
        )
    return tokens.cut(name, entries, limit, lambda entry: (entry.number,))


async def read_own_record(
    database: Database, caller: Caller, session_id: UUID, *, page_size: int, page_token: str
) -> tuple[Sequence[OwnEntry], str]:
    """Return a page of the entries that concern the calling learner, in order, and the token of the next page.

    Raises NOT_FOUND if the caller has not joined the session, and INVALID_PAGE_TOKEN.
    """
    name = f"own-record:{session_id}:{caller.name}"
    limit = pages.effective_size(page_size, default=_DEFAULT_PAGE_SIZE, maximum=_MAX_PAGE_SIZE)
    async with database.transaction() as tx:
        view = await participants.get_view_of_person(tx, session_id, caller.require_person())
        if view is None:
            raise no_session()
        tokens = await pages.tokens(tx)
        after = tokens.after(name, page_token, int)
        found = await record.list_entries_for_participant(
            tx,
            session_id,
            view.participant.participant_id,
            after=after[0] if after else 0,
            limit=limit + 1,
        )
    entries, token = tokens.cut(name, found, limit, lambda entry: (entry.number,))
    return [own_entry(entry, view.participant.person_id) for entry in entries], token


async def list_accesses(
    database: Database, session_id: UUID, *, page_size: int, page_token: str
) -> tuple[Sequence[RecordAccess], str]:
    """Return a page of the accesses to the session record, newest first, and the token of the next page.

    Raises NOT_FOUND, INVALID_PAGE_TOKEN.
    """
    name = f"record-accesses:{session_id}"
    limit = pages.effective_size(page_size)
    async with database.transaction() as tx:
        if await sessions.get_session(tx, session_id) is None:
            raise no_session()
        tokens = await pages.tokens(tx)
        before = tokens.after(name, page_token, datetime, UUID, str)
        accesses = await record_accesses.list_accesses(
            tx, session_id, before=before, limit=limit + 1
        )
    return tokens.cut(
        name, accesses, limit, lambda each: (each.minute, each.accessed_by, each.acting_role)
    )


async def record_reader(
    tx: Transaction, caller: Caller, session: Session, access_period: timedelta
) -> Actor:
    """Return the caller and the role in which the caller may read the session record.

    Raises NOT_YOUR_SESSION for an administrator who takes part in the session as a learner, RECORD_CLOSED,
    CERTIFICATION_ENDED.
    """
    reader = await session_actor(tx, session, caller)
    await require_no_learner(tx, session.session_id, reader)
    over_at = session.end_time
    if session.state is SessionState.CANCELLED:
        over_at = await record.get_event_time(tx, session.session_id, "session.cancelled")
    if over_at is not None and tx.now > over_at + access_period:
        if not caller.is_administrator:
            raise record_closed()
        return replace(reader, role=ActingRole.ADMINISTRATOR)
    if reader.role is ActingRole.PROCTOR:
        await require_certification(tx, reader.person_id)
    return reader
