"""Writing and reading incidents (`S14`)."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

from google.protobuf.message import Message

from proctorium_common.ids import new_id
from proctorium_common.rpc.caller import Caller
from proctorium_common.storage import pages
from proctorium_common.storage.database import Database, Transaction
from proctorium_common.storage.idempotency import Responder
from proctorium_session.domain.errors import no_participant
from proctorium_session.domain.incidents import (
    MAX_SESSION_REVISIONS,
    Incident,
    IncidentChanges,
    IncidentSeverity,
    check_incident,
    incident_limit_reached,
    no_incident,
    require_incidents,
    update_incident,
)
from proctorium_session.domain.sessions import Actor, Session
from proctorium_session.events import supervision_events
from proctorium_session.operations.actors import (
    lock_supervised,
    require_supervised,
)
from proctorium_session.operations.changes import RecordedEvent, save_change
from proctorium_session.operations.record import record_reader
from proctorium_session.storage import incidents, participants, record_accesses, sessions

M = TypeVar("M", bound=Message)

_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class NewIncident:
    """An incident to create. If `occurred_at` is None, the incident occurred at the time of its creation."""

    participant_id: UUID | None
    category_id: str
    severity: IncidentSeverity
    note: str
    occurred_at: datetime | None


class Incidents:
    """The use cases of incidents.

    Proctors have access to incidents until `access_period` after the end of the session.
    """

    def __init__(self, database: Database, *, access_period: timedelta) -> None:
        self._database = database
        self._access_period = access_period

    async def create(
        self,
        caller: Caller,
        session_id: UUID,
        new: NewIncident,
        responder: Responder[Incident, M],
    ) -> M:
        """Create an incident.

        Raises NOT_YOUR_SESSION, NOT_FOUND, INCIDENT_CATEGORY_UNKNOWN, OCCURRENCE_TIME_INVALID, LOBBY_NOT_OPEN,
        SESSION_CANCELLED, INCIDENT_LIMIT_REACHED, RECORD_CLOSED, CERTIFICATION_ENDED.
        """

        async def run(tx: Transaction) -> Incident:
            session, author = await self._lock(tx, caller, session_id)
            require_incidents(session)
            if new.participant_id is not None and not await participants.get_view(
                tx, session_id, new.participant_id
            ):
                raise no_participant(new.participant_id)
            incident = Incident(
                incident_id=new_id(),
                session_id=session_id,
                participant_id=new.participant_id,
                category_id=new.category_id,
                severity=new.severity,
                note=new.note,
                occurred_at=new.occurred_at or tx.now,
                revision=1,
                note_key=secrets.token_bytes(_KEY_BYTES),
                author=author,
                written_at=tx.now,
            )
            check_incident(session, incident)
            await _require_space(tx, session_id)
            await incidents.insert_incident(tx, incident)
            await _record(tx, session, incident, supervision_events.incident_created(incident))
            return incident

        return await self._database.respond(responder, run)

    async def update(
        self,
        caller: Caller,
        incident_id: UUID,
        changes: IncidentChanges,
        etag: str,
        responder: Responder[Incident, M],
    ) -> M:
        """Update an incident. Raises STALE_ETAG if `etag` is not empty and is not the current etag.

        Also raises NOT_YOUR_SESSION, NOT_FOUND, INCIDENT_CATEGORY_UNKNOWN, OCCURRENCE_TIME_INVALID,
        INCIDENT_LIMIT_REACHED, RECORD_CLOSED, CERTIFICATION_ENDED.
        """

        async def run(tx: Transaction) -> Incident:
            session_id = await _session_of(tx, caller, incident_id)
            # The lock of the session's row serialises concurrent updates of an incident.
            session, author = await self._lock(tx, caller, session_id)
            current = (await incidents.list_revisions(tx, incident_id))[0]
            updated = update_incident(
                current,
                changes,
                etag,
                author,
                now=tx.now,
                note_key=secrets.token_bytes(_KEY_BYTES),
            )
            if updated is None:
                return current
            check_incident(session, updated, path="incident.")
            await _require_space(tx, session_id)
            await incidents.insert_revision(tx, updated)
            await _record(tx, session, updated, supervision_events.incident_updated(updated))
            return updated

        return await self._database.respond(responder, run)

    async def list(
        self,
        caller: Caller,
        session_id: UUID,
        participant_id: UUID | None,
        *,
        page_size: int,
        page_token: str,
    ) -> tuple[Sequence[Incident], str]:
        """Return a page of incidents, newest first, and the token of the next page. Log the access.

        Raises NOT_YOUR_SESSION, NOT_FOUND, RECORD_CLOSED, CERTIFICATION_ENDED, INVALID_PAGE_TOKEN.
        """
        name = f"incidents:{session_id}:{participant_id}"
        size = pages.effective_size(page_size)
        async with self._database.transaction() as tx:
            await self._log_access(tx, caller, session_id)
            tokens = await pages.tokens(tx)
            after = tokens.after(name, page_token, UUID)
            found = await incidents.list_incidents(
                tx,
                session_id,
                participant_id=participant_id,
                before=after[0] if after else None,
                limit=size + 1,
            )
        return tokens.cut(name, found, size, lambda each: (each.incident_id,))

    async def list_revisions(self, caller: Caller, incident_id: UUID) -> Sequence[Incident]:
        """Return the revisions of an incident, newest first. Log the access.

        Raises NOT_YOUR_SESSION, NOT_FOUND, RECORD_CLOSED, CERTIFICATION_ENDED.
        """
        async with self._database.transaction() as tx:
            await self._log_access(tx, caller, await _session_of(tx, caller, incident_id))
            return await incidents.list_revisions(tx, incident_id)

    async def _lock(
        self, tx: Transaction, caller: Caller, session_id: UUID
    ) -> tuple[Session, Actor]:
        session, _ = await lock_supervised(tx, session_id, caller)
        return session, await record_reader(tx, caller, session, self._access_period)

    async def _log_access(self, tx: Transaction, caller: Caller, session_id: UUID) -> None:
        session = require_supervised(await sessions.get_session(tx, session_id), caller)
        reader = await record_reader(tx, caller, session, self._access_period)
        await record_accesses.insert_access(tx, session_id, reader)


async def _session_of(tx: Transaction, caller: Caller, incident_id: UUID) -> UUID:
    session_id = await incidents.get_session_id(tx, incident_id)
    if session_id is None:
        raise no_incident(is_administrator=caller.is_administrator)
    return session_id


async def _require_space(tx: Transaction, session_id: UUID) -> None:
    if await incidents.count_revisions(tx, session_id) >= MAX_SESSION_REVISIONS:
        raise incident_limit_reached(
            MAX_SESSION_REVISIONS,
            "This session has too many reports and changes of incidents. Ask an administrator.",
        )


async def _record(tx: Transaction, session: Session, incident: Incident, event: Message) -> None:
    recorded = RecordedEvent(event, incident.author.person_id, incident.participant_id)
    await save_change(tx, session, [recorded])
