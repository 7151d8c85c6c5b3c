"""Queries of certificates, and queries of the keys that sign certificates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, select, update
from sqlalchemy.dialects.postgresql import insert

from proctorium_assessment.storage.tables import certificates, issuer_keys
from proctorium_common.storage.database import Transaction


@dataclass(frozen=True, slots=True)
class PendingCertificate:
    """A certificate that is not issued yet. `title` is the title of the course."""

    certificate_id: UUID
    registration_id: UUID
    person_id: UUID
    course_id: UUID
    title: str
    traceparent: str | None
    failures: int = 0


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate without its PDF.

    Until the certificate is issued, `issued_at` is None, and the name and the credential are empty.
    """

    certificate_id: UUID
    person_id: UUID
    course_id: UUID
    title: str
    issued_at: datetime | None
    holder_name: str
    credential: str


@dataclass(frozen=True, slots=True)
class Documents:
    """The values that are added to a certificate when the certificate is issued."""

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


async def insert_certificate(tx: Transaction, pending: PendingCertificate) -> None:
    """Insert a certificate that will be issued later, unless the registration already has a certificate."""
    new = insert(certificates).values(
        certificate_id=pending.certificate_id,
        registration_id=pending.registration_id,
        person_id=pending.person_id,
        course_id=pending.course_id,
        title=pending.title,
        created_at=tx.now,
        traceparent=pending.traceparent,
        due_at=tx.now,
        failures=pending.failures,
    )
    await tx.execute(new.on_conflict_do_nothing(constraint="uq_certificates_registration_id"))


async def list_due_certificates(
    tx: Transaction, now: datetime, limit: int
) -> Sequence[PendingCertificate]:
    """Return at most `limit` certificates that are due at `now`, ordered by the due time."""
    statement = (
        select(
            certificates.c.certificate_id,
            certificates.c.registration_id,
            certificates.c.person_id,
            certificates.c.course_id,
            certificates.c.title,
            certificates.c.traceparent,
            certificates.c.failures,
        )
        .where(certificates.c.issued_at.is_(None), certificates.c.due_at <= now)
        .order_by(certificates.c.due_at)
        .limit(limit)
    )
    return [PendingCertificate(*row) for row in await tx.execute(statement)]


async def postpone_certificate(tx: Transaction, certificate_id: UUID, until: datetime) -> None:
    """Increase the number of failures of the certificate by one, and set its due time to `until`."""
    await tx.execute(
        update(certificates)
        .where(certificates.c.certificate_id == certificate_id, certificates.c.issued_at.is_(None))
        .values(due_at=until, failures=certificates.c.failures + 1)
    )


async def issue_certificate(tx: Transaction, certificate_id: UUID, documents: Documents) -> bool:
    """Store the documents of the certificate and return True. Afterwards, the certificate never changes.

    Return False if another replica has already issued the certificate.
    """
    issued = await tx.execute(
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
    return issued.first() is not None


async def get_certificate(tx: Transaction, certificate_id: UUID) -> Certificate | None:
    """Return the certificate, or None if it does not exist."""
    statement = _CERTIFICATE.where(certificates.c.certificate_id == certificate_id)
    row = (await tx.execute(statement)).first()
    return None if row is None else _certificate(row)


async def list_certificates_of_person(tx: Transaction, person_id: UUID) -> Sequence[Certificate]:
    """Return all certificates of a person, newest first. Certificates that are not issued yet are included."""
    statement = _CERTIFICATE.where(certificates.c.person_id == person_id).order_by(
        certificates.c.certificate_id.desc()
    )
    return [_certificate(row) for row in await tx.execute(statement)]


async def get_pdf(tx: Transaction, certificate_id: UUID) -> bytes:
    """Return the PDF of an issued certificate."""
    statement = select(certificates.c.pdf).where(certificates.c.certificate_id == certificate_id)
    return (await tx.execute(statement)).scalar_one() or b""


async def insert_issuer_key(
    tx: Transaction, key_id: str, public_key: bytes, encrypted_seed: bytes
) -> None:
    """Insert a signing key, unless the key is already stored."""
    new = insert(issuer_keys).values(
        key_id=key_id, public_key=public_key, encrypted_seed=encrypted_seed, created_at=tx.now
    )
    await tx.execute(new.on_conflict_do_nothing())


async def get_issuer_key(tx: Transaction) -> tuple[bytes, bytes] | None:
    """Return the public key and the encrypted seed of the oldest signing key, or None if there is no key.

    All replicas use the oldest key, so that they sign with the same key.
    """
    statement = (
        select(issuer_keys.c.public_key, issuer_keys.c.encrypted_seed)
        .order_by(issuer_keys.c.created_at, issuer_keys.c.key_id)
        .limit(1)
    )
    row = (await tx.execute(statement)).first()
    return None if row is None else (row.public_key, row.encrypted_seed)


def _certificate(row: Row[Any]) -> Certificate:
    return Certificate(
        row.certificate_id,
        row.person_id,
        row.course_id,
        row.title,
        row.issued_at,
        row.holder_name or "",
        row.credential or "",
    )
