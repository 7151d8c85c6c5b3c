"""Queries of the evidence access log (`I5`). The rows of the log are permanent.

Each row contains the person, the acting role, the kind of the accessed data, and the time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import insert, select, tuple_
from sqlalchemy.dialects.postgresql import distinct_on

from proctorium_common.ids import new_id
from proctorium_common.storage.database import Transaction
from proctorium_identity.domain.cases import ActingRole
from proctorium_identity.domain.evidence import AccessSubject, Evidence, EvidenceKind
from proctorium_identity.storage.tables import cases, evidence_access_log


@dataclass(frozen=True, slots=True)
class EvidenceAccess:
    """One access to a learner's data."""

    access_id: UUID
    case_id: UUID
    learner_id: UUID
    accessed_by: UUID
    acting_role: ActingRole
    subject: AccessSubject
    accessed_at: datetime


async def insert_access(
    tx: Transaction,
    case_id: UUID,
    accessed_by: UUID,
    acting_role: ActingRole,
    evidence: Evidence | None,
) -> None:
    """Log an access to an image, or to the learner's registration data if `evidence` is None."""
    await tx.execute(
        insert(evidence_access_log).values(
            access_id=new_id(),
            case_id=case_id,
            accessed_by=accessed_by,
            acting_role=acting_role,
            subject=AccessSubject.REGISTRATION if evidence is None else evidence.kind,
            evidence_id=None if evidence is None else evidence.evidence_id,
            accessed_at=tx.now,
        )
    )


async def list_last_viewed(
    tx: Transaction, case_id: UUID, accessed_by: UUID
) -> Mapping[EvidenceKind, UUID]:
    """Return a mapping from each viewed kind to the id of the image of this kind that the person viewed last."""
    rows = await tx.execute(
        select(evidence_access_log.c.subject, evidence_access_log.c.evidence_id)
        .ext(distinct_on(evidence_access_log.c.subject))
        .where(
            evidence_access_log.c.case_id == case_id,
            evidence_access_log.c.accessed_by == accessed_by,
            evidence_access_log.c.evidence_id.is_not(None),
        )
        .order_by(
            evidence_access_log.c.subject,
            evidence_access_log.c.accessed_at.desc(),
            evidence_access_log.c.access_id.desc(),
        )
    )
    return {EvidenceKind(row.subject): row.evidence_id for row in rows}


async def list_accesses_of_session(
    tx: Transaction, session_id: UUID, *, before: tuple[datetime, UUID] | None, limit: int
) -> Sequence[EvidenceAccess]:
    """Return at most `limit` accesses in the session that are older than `before`, newest first.

    `before` is the time and the id of an access, or None for the newest accesses.
    """
    key = (evidence_access_log.c.accessed_at, evidence_access_log.c.access_id)
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
        EvidenceAccess(
            access_id=row.access_id,
            case_id=row.case_id,
            learner_id=row.person_id,
            accessed_by=row.accessed_by,
            acting_role=ActingRole(row.acting_role),
            subject=AccessSubject(row.subject),
            accessed_at=row.accessed_at,
        )
        for row in await tx.execute(statement)
    ]
