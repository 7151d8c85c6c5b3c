"""Issuing, reading and verifying certificates of completed courses (`A11`)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import grpc

from proctorium.enrollment.v1.organisation_pb2 import GetOrganisationRequest
from proctorium.enrollment.v1.organisation_pb2_grpc import OrganisationServiceStub
from proctorium.enrollment.v1.people_pb2 import GetRegistrationInformationRequest
from proctorium.enrollment.v1.people_pb2_grpc import PersonServiceStub
from proctorium_assessment import events
from proctorium_assessment.documents.certificate import CertificateContent, make_pdf
from proctorium_assessment.documents.credential import public_key_of, sign_credential
from proctorium_assessment.domain.credentials import (
    Achievement,
    Issuer,
    credential,
    proof_options,
    public_key_multibase,
)
from proctorium_assessment.storage import certificates
from proctorium_assessment.storage.certificates import (
    Certificate,
    Documents,
    PendingCertificate,
)
from proctorium_common.clock import Clock
from proctorium_common.errors import Kind, ServiceError, not_found
from proctorium_common.ids import new_id
from proctorium_common.rpc.caller import Caller
from proctorium_common.rpc.status import error_of
from proctorium_common.security.encryption import EncryptionKey, new_key
from proctorium_common.storage.database import Database, Transaction
from proctorium_common.telemetry.logs import get_logger
from proctorium_common.telemetry.traces import annotate, current_trace_context, traceparent_of

_log = get_logger()

_BATCH = 20
_FIRST_BACKOFF, _LONGEST_BACKOFF = timedelta(seconds=1), timedelta(minutes=1)
_MAX_REASON = 200
"""The maximum length of a reason in a log line."""


async def create_certificate(
    tx: Transaction, *, registration_id: UUID, person_id: UUID, course_id: UUID, title: str
) -> None:
    """Create the certificate of a completed registration. The worker issues the certificate later.

    If the registration already has a certificate, nothing changes.
    """
    trace_context = current_trace_context()
    await certificates.insert_certificate(
        tx,
        PendingCertificate(
            certificate_id=new_id(),
            registration_id=registration_id,
            person_id=person_id,
            course_id=course_id,
            title=title,
            traceparent=None if trace_context is None else traceparent_of(trace_context),
        ),
    )


async def get(database: Database, caller: Caller, certificate_id: UUID) -> Certificate:
    """Return the certificate if it is the caller's own or the caller is an administrator.

    Raises NOT_FOUND, CERTIFICATE_PENDING.
    """
    async with database.transaction() as tx:
        return await _get_readable(tx, caller, certificate_id)


async def download(
    database: Database, caller: Caller, certificate_id: UUID
) -> tuple[Certificate, bytes]:
    """Return the certificate and its PDF if it is the caller's own or the caller is an administrator.

    Raises NOT_FOUND, CERTIFICATE_PENDING.
    """
    async with database.transaction() as tx:
        certificate = await _get_readable(tx, caller, certificate_id)
        return certificate, await certificates.get_pdf(tx, certificate_id)


async def _get_readable(tx: Transaction, caller: Caller, certificate_id: UUID) -> Certificate:
    certificate = await certificates.get_certificate(tx, certificate_id)
    if certificate is None or not (
        certificate.person_id == caller.person_id or caller.is_administrator
    ):
        raise _certificate_not_found()
    if certificate.issued_at is None:
        raise _certificate_pending()
    return certificate


async def verify(database: Database, certificate_id: UUID) -> Certificate:
    """Return an issued certificate. Any caller may verify a certificate. Raises NOT_FOUND."""
    async with database.transaction() as tx:
        certificate = await certificates.get_certificate(tx, certificate_id)
    if certificate is None or certificate.issued_at is None:
        raise _certificate_not_found()
    return certificate


async def list_due(database: Database) -> Sequence[PendingCertificate]:
    """Return a batch of certificates that are due now."""
    async with database.transaction() as tx:
        return await certificates.list_due_certificates(tx, tx.now, _BATCH)


class CertificateIssuer:
    """Issues certificates.

    The names of the holder and of the organisation are requested from enrollment when a certificate is issued.
    `issuer_name` is used while the organisation has no name.
    """

    def __init__(
        self,
        database: Database,
        people: PersonServiceStub,
        organisation: OrganisationServiceStub,
        *,
        encryption: EncryptionKey,
        issuer_name: str,
        public_url: str,
        clock: Clock,
    ) -> None:
        self._database = database
        self._people = people
        self._organisation = organisation
        self._encryption = encryption
        self._issuer_name = issuer_name
        self._public_url = public_url
        self._clock = clock
        self._key: tuple[bytes, bytes] | None = None

    async def issue(self, pending: PendingCertificate) -> bool:
        """Issue the certificate. Return False if it is postponed, or if another replica has already issued it.

        A certificate is postponed if a name cannot be requested, or if its documents cannot be created.
        """
        annotate(
            person_id=pending.person_id,
            course_id=pending.course_id,
            certificate_id=pending.certificate_id,
        )
        try:
            name = await self._holder_name(pending.person_id)
            issuer_name = await self._organisation_name()
        except ServiceError as error:
            await self._postpone(pending, error.reason)
            return False
        public_key, seed = self._key or await self._load_key()
        issuer = Issuer(issuer_name, self._public_url, public_key)
        achievement = Achievement(
            pending.certificate_id, name, pending.title, pending.course_id, self._clock()
        )
        try:
            documents = await asyncio.to_thread(_documents, achievement, issuer, seed)
        except Exception as error:  # noqa: BLE001 - one certificate must not delay the certificates of other people
            await self._postpone(pending, repr(error))
            return False
        async with self._database.transaction() as tx:
            issued = await certificates.issue_certificate(tx, achievement.certificate_id, documents)
            if issued:
                tx.record(events.certificate_issued(pending))
        return issued

    async def _holder_name(self, person_id: UUID) -> str:
        request = GetRegistrationInformationRequest(person_id=str(person_id))
        try:
            registration = await self._people.GetRegistrationInformation(request)
        except grpc.aio.AioRpcError as error:
            raise error_of(error) from error
        return registration.legal_name

    async def _organisation_name(self) -> str:
        try:
            response = await self._organisation.GetOrganisation(GetOrganisationRequest())
        except grpc.aio.AioRpcError as error:
            raise error_of(error) from error
        return response.organisation.name or self._issuer_name

    async def _postpone(self, pending: PendingCertificate, reason: str) -> None:
        backoff = min(_FIRST_BACKOFF * 2 ** min(pending.failures, 10), _LONGEST_BACKOFF)
        async with self._database.transaction() as tx:
            await certificates.postpone_certificate(tx, pending.certificate_id, tx.now + backoff)
        _log.warning(
            "certificate_postponed",
            certificate_id=str(pending.certificate_id),
            reason=reason[:_MAX_REASON],
            failures=pending.failures + 1,
        )

    async def _load_key(self) -> tuple[bytes, bytes]:
        """Return the public key and the seed of the signing key. The key is created if there is none.

        If several replicas create a key concurrently, all replicas use the oldest key.
        """
        async with self._database.transaction() as tx:
            stored = await certificates.get_issuer_key(tx)
        if stored is None:
            seed = new_key()
            public_key = public_key_of(seed)
            key_id = public_key_multibase(public_key)
            encrypted = self._encryption.encrypt(seed, key_id)
            async with self._database.transaction() as tx:
                await certificates.insert_issuer_key(tx, key_id, public_key, encrypted)
                stored = await certificates.get_issuer_key(tx)
            assert stored is not None, "a key was just inserted"
        public_key, encrypted = stored
        seed = self._encryption.decrypt(encrypted, public_key_multibase(public_key))
        self._key = public_key, seed
        return self._key


def _documents(achievement: Achievement, issuer: Issuer, seed: bytes) -> Documents:
    content = CertificateContent(
        certificate_id=achievement.certificate_id,
        holder_name=achievement.holder_name,
        title=achievement.title,
        issuer_name=issuer.name,
        issued_at=achievement.issued_at,
        url=issuer.verification_url(achievement.certificate_id),
    )
    options = proof_options(issuer, achievement.issued_at)
    badge = sign_credential(credential(achievement, issuer), options, seed)
    return Documents(
        holder_name=achievement.holder_name,
        issued_at=achievement.issued_at,
        credential=json.dumps(badge, ensure_ascii=False),
        pdf=make_pdf(content),
    )


def _certificate_not_found() -> ServiceError:
    return not_found(
        "NOT_FOUND", "There is no certificate with this number. Check the number and try again."
    )


def _certificate_pending() -> ServiceError:
    return ServiceError(
        Kind.INVALID_STATE_TRANSITION,
        "CERTIFICATE_PENDING",
        "Your certificate is being issued. Please try again in a moment.",
        retry_after=_FIRST_BACKOFF,
    )
