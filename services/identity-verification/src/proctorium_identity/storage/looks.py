"""The evidence access log: who looked at what, and when. Rows are permanent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import insert, select, tuple_
from sqlalchemy.dialects.postgresql import distinct_on

from proctorium_common.ids import new_id
from proctorium_common.storage.database import Transaction
from proctorium_identity.domain.cases import ActingRole
from proctorium_identity.domain.evidence import Evidence, EvidenceKind, LastLook
from proctorium_identity.storage.tables import cases, evidence_access_log

REGISTRATION = "registration"


@dataclass(frozen=True, slots=True)
class Access:
    """One access to a learner's data; `subject` is an evidence kind or `REGISTRATION`."""

    access_id: UUID
    looked_by: UUID
    looked_as: ActingRole | None
    subject: str
    learner_id: UUID
    case_id: UUID
    looked_at: datetime


async def add_look(
    tx: Transaction,
    case_id: UUID,
    looked_by: UUID,
    looked_as: ActingRole,
    picture: Evidence | None,
) -> None:
    """Log an access to a picture, or (None) to the learner's registration data."""
    await tx.execute(
        insert(evidence_access_log).values(
            access_id=new_id(),
            case_id=case_id,
            looked_by=looked_by,
            looked_as=looked_as,
            subject=REGISTRATION if picture is None else picture.kind,
            evidence_id=None if picture is None else picture.evidence_id,
            looked_at=tx.now,
        )
    )


async def last_looks(tx: Transaction, case_id: UUID, looked_by: UUID) -> Sequence[LastLook]:
    """Return the latest picture of each kind that this person looked at."""
    found = await tx.execute(
        select(evidence_access_log.c.subject, evidence_access_log.c.evidence_id)
        .ext(distinct_on(evidence_access_log.c.subject))
        .where(
            evidence_access_log.c.case_id == case_id,
            evidence_access_log.c.looked_by == looked_by,
            evidence_access_log.c.evidence_id.is_not(None),
        )
        .order_by(
            evidence_access_log.c.subject,
            evidence_access_log.c.looked_at.desc(),
            evidence_access_log.c.access_id.desc(),
        )
    )
    return [LastLook(EvidenceKind(row.subject), row.evidence_id) for row in found]


async def accesses(
    tx: Transaction, session_id: UUID, *, before: tuple[datetime, UUID] | None, limit: int
) -> Sequence[Access]:
    """Return accesses in the session, newest first, from the one after `before`."""
    key = (evidence_access_log.c.looked_at, evidence_access_log.c.access_id)
    statement = (
        select(evidence_access_log, cases.c.person_id)
        .join(cases, cases.c.case_id == evidence_access_log.c.case_id)
        .where(cases.c.session_id == session_id)
        .order_by(*(column.desc() for column in key))
        .limit(limit)
    )
    if before is not None:
        statement = statement.where(tuple_(*key) < tuple_(*before))
    return [
        Access(
            access_id=row.access_id,
            looked_by=row.looked_by,
            looked_as=ActingRole(row.looked_as) if row.looked_as else None,
            subject=row.subject,
            learner_id=row.person_id,
            case_id=row.case_id,
            looked_at=row.looked_at,
        )
        for row in await tx.execute(statement)
    ]
