"""Queries of the images of cases.

A row contains the kind of an image and the object key under which the encrypted image is stored.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import func, insert, select, update

from proctorium_common.storage.database import Transaction
from proctorium_identity.domain.evidence import Evidence, EvidenceKind
from proctorium_identity.storage.tables import evidence


async def insert_evidence(tx: Transaction, new: Evidence, width: int, height: int) -> None:
    """Supersede the current image of the same kind, if there is one, and insert the new image."""
    await supersede_evidence(tx, new.case_id, [new.kind])
    await tx.execute(
        insert(evidence).values(
            evidence_id=new.evidence_id,
            case_id=new.case_id,
            kind=new.kind,
            object_key=new.object_key,
            media_type=new.media_type,
            width=width,
            height=height,
            submitted_at=new.submitted_at,
        )
    )


async def supersede_evidence(
    tx: Transaction, case_id: UUID, kinds: Collection[EvidenceKind]
) -> None:
    """Mark the case's current images of these kinds as superseded."""
    await tx.execute(
        update(evidence)
        .where(
            evidence.c.case_id == case_id,
            evidence.c.kind.in_(kinds),
            evidence.c.superseded_at.is_(None),
        )
        .values(superseded_at=tx.now)
    )


async def list_current_evidence(tx: Transaction, case_id: UUID) -> Sequence[Evidence]:
    """Return the current images of a case, at most one of each kind."""
    rows = await tx.execute(
        select(
            evidence.c.evidence_id,
            evidence.c.kind,
            evidence.c.object_key,
            evidence.c.media_type,
            evidence.c.submitted_at,
        ).where(evidence.c.case_id == case_id, evidence.c.superseded_at.is_(None))
    )
    return [
        Evidence(
            evidence_id=row.evidence_id,
            case_id=case_id,
            kind=EvidenceKind(row.kind),
            object_key=row.object_key,
            media_type=row.media_type,
            submitted_at=row.submitted_at,
        )
        for row in rows
    ]


async def count_evidence(tx: Transaction, case_id: UUID) -> int:
    """Return the number of images that the case has accepted, including superseded images."""
    statement = select(func.count()).select_from(evidence).where(evidence.c.case_id == case_id)
    count: int = (await tx.execute(statement)).scalar_one()
    return count
