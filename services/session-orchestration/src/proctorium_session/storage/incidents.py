"""Queries of incidents. Each revision of an incident is a row that never changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, insert, select
from sqlalchemy.dialects.postgresql import distinct_on

from proctorium_common.storage.database import Transaction
from proctorium_session.domain.incidents import Incident, IncidentSeverity
from proctorium_session.domain.sessions import ActingRole, Actor
from proctorium_session.storage.tables import incident_revisions, incidents


async def insert_incident(tx: Transaction, incident: Incident) -> None:
    """Insert a new incident with its first revision."""
    await tx.execute(
        insert(incidents).values(
            incident_id=incident.incident_id,
            session_id=incident.session_id,
            participant_id=incident.participant_id,
        )
    )
    await insert_revision(tx, incident)


async def insert_revision(tx: Transaction, incident: Incident) -> None:
    """Insert the next revision of an incident."""
    await tx.execute(
        insert(incident_revisions).values(
            incident_id=incident.incident_id,
            revision=incident.revision,
            category_id=incident.category_id,
            severity=incident.severity,
            note=incident.note,
            note_key=incident.note_key,
            occurred_at=incident.occurred_at,
            written_by=incident.author.person_id,
            acting_role=incident.author.role,
            written_at=incident.written_at,
        )
    )


async def count_revisions(tx: Transaction, session_id: UUID) -> int:
    """Return the number of revisions of all incidents of a session."""
    statement = (
        select(func.count())
        .select_from(incidents)
        .join(incident_revisions)
        .where(incidents.c.session_id == session_id)
    )
    return int((await tx.execute(statement)).scalar_one())


async def get_session_id(tx: Transaction, incident_id: UUID) -> UUID | None:
    """Return the id of the incident's session, or None if there is no such incident."""
    statement = select(incidents.c.session_id).where(incidents.c.incident_id == incident_id)
    found: UUID | None = (await tx.execute(statement)).scalar_one_or_none()
    return found


async def list_revisions(tx: Transaction, incident_id: UUID) -> Sequence[Incident]:
    """Return the revisions of an incident, newest first."""
    statement = (
        _revisions()
        .where(incidents.c.incident_id == incident_id)
        .order_by(incident_revisions.c.revision.desc())
    )
    return [_incident(row) for row in await tx.execute(statement)]


async def list_incidents(
    tx: Transaction,
    session_id: UUID,
    *,
    participant_id: UUID | None,
    before: UUID | None,
    limit: int,
) -> Sequence[Incident]:
    """Return at most `limit` incidents of a session or of one participant, newest first.

    If `before` is not None, all returned incidents are older than the incident with this id. The ids sort by the time
    of creation.
    """
    statement = (
        _revisions()
        .ext(distinct_on(incidents.c.incident_id))
        .where(incidents.c.session_id == session_id)
        .order_by(incidents.c.incident_id.desc(), incident_revisions.c.revision.desc())
        .limit(limit)
    )
    if participant_id is not None:
        statement = statement.where(incidents.c.participant_id == participant_id)
    if before is not None:
        statement = statement.where(incidents.c.incident_id < before)
    return [_incident(row) for row in await tx.execute(statement)]


def _revisions() -> Select[Any]:
    return select(
        incidents.c.incident_id,
        incidents.c.session_id,
        incidents.c.participant_id,
        *(column for column in incident_revisions.c if column.name != "incident_id"),
    ).join_from(incidents, incident_revisions)


def _incident(row: Any) -> Incident:
    return Incident(
        incident_id=row.incident_id,
        session_id=row.session_id,
        participant_id=row.participant_id,
        category_id=row.category_id,
        severity=IncidentSeverity(row.severity),
        note=row.note,
        occurred_at=row.occurred_at,
        revision=row.revision,
        note_key=row.note_key,
        author=Actor(row.written_by, ActingRole(row.acting_role)),
        written_at=row.written_at,
    )
