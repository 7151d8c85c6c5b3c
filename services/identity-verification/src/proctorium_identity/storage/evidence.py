"""Pictures in the database: what each shows, and where its ciphertext lies."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import func, insert, select, update

from proctorium_common.storage.database import Transaction
from proctorium_identity.domain.evidence import Evidence, EvidenceKind
from proctorium_identity.storage.tables import evidence


async def add_evidence(tx: Transaction, added: Evidence, width: int, height: int) -> None:
    """Makes the picture the current one of its kind; the one before it is set aside."""
    await set_aside(tx, added.case_id, [added.kind])
    await tx.execute(
        insert(evidence).values(
            evidence_id=added.evidence_id,
            case_id=added.case_id,
            kind=added.kind,
            object_key=added.object_key,
            media_type=added.media_type,
            width=width,
            height=height,
            submitted_at=added.submitted_at,
        )
    )


async def set_aside(tx: Transaction, case_id: UUID, kinds: Collection[EvidenceKind]) -> None:
    """The case's current pictures of these kinds are current no more."""
    await tx.execute(
        update(evidence)
        .where(
            evidence.c.case_id == case_id,
            evidence.c.kind.in_(kinds),
            evidence.c.superseded_at.is_(None),
        )
        .values(superseded_at=tx.now)
    )


async def current_evidence(tx: Transaction, case_id: UUID) -> Sequence[Evidence]:
    """The current pictures of a case, at most one of each kind."""
    found = await tx.execute(
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
        for row in found
    ]


async def count_evidence(tx: Transaction, case_id: UUID) -> int:
    """How many pictures the case has taken, those that were replaced among them."""
    counting = select(func.count()).select_from(evidence).where(evidence.c.case_id == case_id)
    taken: int = (await tx.execute(counting)).scalar_one()
    return taken
