"""Queries of certificates and of the key that signs them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from proctorium_assessment.storage.tables import certificates, issuer_keys
from proctorium_common.storage.database import Transaction


@dataclass(frozen=True, slots=True)
class PendingCertificate:
    """A certificate that is still to be made; `title` is that of the course."""

    certificate_id: UUID
    registration_id: UUID
    person_id: UUID
    course_id: UUID
    title: str
    traceparent: str | None
    tries: int = 0


@dataclass(frozen=True, slots=True)
class IssuedCertificate:
    """A certificate; `issued_at` is None and what issuing adds is empty while it is being made."""

    certificate_id: UUID
    person_id: UUID
    course_id: UUID | None
    title: str
    issued_at: datetime | None
    holder_name: str
    credential: str


@dataclass(frozen=True, slots=True)
class Documents:
    """What issuing adds to a pending certificate."""

    holder_name: str
    issued_at: datetime
    credential: str
    pdf: bytes


_CERTIFICATE: Select[Any] = select(
    certificates.c.certificate_id,
    certificates.c.person_id,
    certificates.c.course_id,
    certificates.c.title,
    certificates.c.issued_at,
    certificates.c.holder_name,
    certificates.c.credential,
)


async def add_pending(tx: Transaction, pending: PendingCertificate) -> None:
    """Insert a certificate to be made, unless its registration has one."""
    added = insert(certificates).values(
        certificate_id=pending.certificate_id,
        registration_id=pending.registration_id,
        person_id=pending.person_id,
        course_id=pending.course_id,
        title=pending.title,
        created_at=tx.now,
        traceparent=pending.traceparent,
        next_try_at=tx.now,
        tries=pending.tries,
    )
    await tx.execute(added.on_conflict_do_nothing(constraint="uq_certificates_registration_id"))


async def due(tx: Transaction, now: datetime, limit: int) -> Sequence[PendingCertificate]:
    """Return pending certificates whose next try is due, the oldest first."""
    query = (
        select(
            certificates.c.certificate_id,
            certificates.c.registration_id,
            certificates.c.person_id,
            certificates.c.course_id,
            certificates.c.title,
            certificates.c.traceparent,
            certificates.c.tries,
        )
        .where(
            certificates.c.issued_at.is_(None),
            certificates.c.registration_id.is_not(None),
            certificates.c.next_try_at <= now,
        )
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
            holder_name=documents.holder_name,
            credential=documents.credential,
            pdf=documents.pdf,
        )
        .returning(certificates.c.certificate_id)
    )
    return done.first() is not None


async def find(tx: Transaction, certificate_id: UUID) -> IssuedCertificate | None:
    """Return the certificate without its PDF."""
    query = _CERTIFICATE.where(certificates.c.certificate_id == certificate_id)
    row = (await tx.execute(query)).first()
    return None if row is None else _certificate(row)


async def list_of(tx: Transaction, person_id: UUID) -> Sequence[IssuedCertificate]:
    """Return a person's certificates without their PDFs, newest first, pending ones included."""
    query = _CERTIFICATE.where(
        certificates.c.person_id == person_id,
        # Those of before 0003 that were not issued are not made any more.
        or_(certificates.c.registration_id.is_not(None), certificates.c.issued_at.is_not(None)),
    ).order_by(certificates.c.certificate_id.desc())
    return [_certificate(row) for row in await tx.execute(query)]


async def pdf_of(tx: Transaction, certificate_id: UUID) -> bytes:
    """The PDF of a certificate that is issued."""
    query = select(certificates.c.pdf).where(certificates.c.certificate_id == certificate_id)
    return (await tx.execute(query)).scalar_one() or b""


async def add_issuer_key(
    tx: Transaction, key_id: str, public_key: bytes, encrypted_seed: bytes
) -> None:
    """Keeps a key, unless it is there."""
    added = insert(issuer_keys).values(
        key_id=key_id, public_key=public_key, encrypted_seed=encrypted_seed, created_at=tx.now
    )
    await tx.execute(added.on_conflict_do_nothing())


async def issuer_key(tx: Transaction) -> tuple[bytes, bytes] | None:
    """The public key and the sealed secret one that sign: the oldest, so that replicas which start at once agree."""
    query = (
        select(issuer_keys.c.public_key, issuer_keys.c.encrypted_seed)
        .order_by(issuer_keys.c.created_at, issuer_keys.c.key_id)
        .limit(1)
    )
    row = (await tx.execute(query)).first()
    return None if row is None else (row.public_key, row.encrypted_seed)


def _certificate(row: Row[Any]) -> IssuedCertificate:
    return IssuedCertificate(
        row.certificate_id,
        row.person_id,
        row.course_id,
        row.title or "",
        row.issued_at,
        row.holder_name or "",
        row.credential or "",
    )
