"""Queries of certificates and of the key that signs them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert

from proctorium_assessment.storage.tables import certificates, issuer_keys, results
from proctorium_common.storage.database import Transaction


@dataclass(frozen=True, slots=True)
class PendingCertificate:
    """A certificate that is still to be made."""

    certificate_id: UUID
    result_id: UUID
    assessment_id: UUID
    person_id: UUID
    session_id: UUID | None
    scored_at: datetime
    traceparent: str | None
    tries: int


@dataclass(frozen=True, slots=True)
class IssuedCertificate:
    """A certificate as it was issued; `issued_at` is None (and the rest empty) while it is being made."""

    certificate_id: UUID
    result_id: UUID
    person_id: UUID
    issued_at: datetime | None
    title: str
    holder_name: str
    credential: str


@dataclass(frozen=True, slots=True)
class Documents:
    """What issuing adds to a pending certificate."""

    title: str
    course_id: UUID | None
    holder_name: str
    issued_at: datetime
    credential: str
    pdf: bytes


async def add_pending(tx: Transaction, pending: Collection[PendingCertificate]) -> None:
    """Keeps that these are to be made."""
    if not pending:
        return
    await tx.execute(
        insert(certificates),
        [
            {
                "certificate_id": each.certificate_id,
                "result_id": each.result_id,
                "person_id": each.person_id,
                "session_id": each.session_id,
                "created_at": tx.now,
                "traceparent": each.traceparent,
                "next_try_at": tx.now,
                "tries": 0,
            }
            for each in pending
        ],
    )


async def due(tx: Transaction, now: datetime, limit: int) -> Sequence[PendingCertificate]:
    """Pending ones whose turn has come, the oldest first."""
    query = (
        select(
            certificates.c.certificate_id,
            certificates.c.result_id,
            results.c.assessment_id,
            certificates.c.person_id,
            certificates.c.session_id,
            results.c.scored_at,
            certificates.c.traceparent,
            certificates.c.tries,
        )
        .join(results, results.c.result_id == certificates.c.result_id)
        .where(certificates.c.issued_at.is_(None), certificates.c.next_try_at <= now)
        .order_by(certificates.c.next_try_at)
        .limit(limit)
    )
    return [PendingCertificate(*row) for row in await tx.execute(query)]


async def postpone(tx: Transaction, certificate_id: UUID, until: datetime) -> None:
    """Has it tried again, not before `until`."""
    await tx.execute(
        update(certificates)
        .where(certificates.c.certificate_id == certificate_id, certificates.c.issued_at.is_(None))
        .values(next_try_at=until, tries=certificates.c.tries + 1)
    )


async def issue(tx: Transaction, certificate_id: UUID, documents: Documents) -> bool:
    """Makes the certificate permanent; False when another replica has done so."""
    done = await tx.execute(
        update(certificates)
        .where(certificates.c.certificate_id == certificate_id, certificates.c.issued_at.is_(None))
        .values(
            issued_at=documents.issued_at,
            title=documents.title,
            course_id=documents.course_id,
            holder_name=documents.holder_name,
            credential=documents.credential,
            pdf=documents.pdf,
        )
        .returning(certificates.c.certificate_id)
    )
    return done.first() is not None


async def find(tx: Transaction, certificate_id: UUID) -> IssuedCertificate | None:
    """The certificate without its PDF."""
    query = select(
        certificates.c.certificate_id,
        certificates.c.result_id,
        certificates.c.person_id,
        certificates.c.issued_at,
        certificates.c.title,
        certificates.c.holder_name,
        certificates.c.credential,
    ).where(certificates.c.certificate_id == certificate_id)
    row = (await tx.execute(query)).first()
    if row is None:
        return None
    return IssuedCertificate(
        row.certificate_id,
        row.result_id,
        row.person_id,
        row.issued_at,
        row.title or "",
        row.holder_name or "",
        row.credential or "",
    )


async def pdf_of(tx: Transaction, certificate_id: UUID) -> bytes:
    """The PDF of a certificate that is issued."""
    query = select(certificates.c.pdf).where(certificates.c.certificate_id == certificate_id)
    return (await tx.execute(query)).scalar_one() or b""


async def add_issuer_key(
    tx: Transaction, key_id: str, public_key: bytes, sealed_seed: bytes
) -> None:
    """Keeps a key, unless it is there."""
    added = insert(issuer_keys).values(
        key_id=key_id, public_key=public_key, sealed_seed=sealed_seed, created_at=tx.now
    )
    await tx.execute(added.on_conflict_do_nothing())


async def issuer_key(tx: Transaction) -> tuple[bytes, bytes] | None:
    """The public key and the sealed secret one that sign: the oldest, so that replicas which start at once agree."""
    query = (
        select(issuer_keys.c.public_key, issuer_keys.c.sealed_seed)
        .order_by(issuer_keys.c.created_at, issuer_keys.c.key_id)
        .limit(1)
    )
    row = (await tx.execute(query)).first()
    return None if row is None else (row.public_key, row.sealed_seed)
