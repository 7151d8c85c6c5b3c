"""Certificates (`A11`): issued for completed courses, then permanent; read by their holders, checked by anybody."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from uuid import UUID

import grpc

from proctorium.assessment.events.v1 import events_pb2
from proctorium.enrollment.v1.organisation_pb2 import GetOrganisationRequest
from proctorium.enrollment.v1.organisation_pb2_grpc import OrganisationServiceStub
from proctorium.enrollment.v1.people_pb2 import GetRegistrationInformationRequest
from proctorium.enrollment.v1.people_pb2_grpc import PersonServiceStub
from proctorium_assessment.documents.certificate import Certificate, make_pdf
from proctorium_assessment.documents.credential import public_key_of, signed
from proctorium_assessment.domain.credentials import (
    Achievement,
    Issuer,
    credential,
    proof_options,
    public_key_multibase,
)
from proctorium_assessment.storage import certificates
from proctorium_assessment.storage.certificates import (
    Documents,
    IssuedCertificate,
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

_AT_ONCE = 20
_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(seconds=1), timedelta(minutes=1)


async def earned(
    tx: Transaction, *, registration_id: UUID, person_id: UUID, course_id: UUID, title: str
) -> None:
    """Have a certificate issued for a completed registration; at most one, however often this is called."""
    place = current_trace_context()
    await certificates.add_pending(
        tx,
        PendingCertificate(
            certificate_id=new_id(),
            registration_id=registration_id,
            person_id=person_id,
            course_id=course_id,
            title=title,
            traceparent=None if place is None else traceparent_of(place),
        ),
    )


async def get(tx: Transaction, caller: Caller, certificate_id: UUID) -> IssuedCertificate:
    """The caller's own certificate, or any for administrators. Raises NOT_FOUND, CERTIFICATE_PENDING."""
    found = await certificates.find(tx, certificate_id)
    if found is None or not (
        found.person_id == caller.person_id or "administrator" in caller.roles
    ):
        raise _unknown()
    if found.issued_at is None:
        raise _pending()
    return found


async def download(
    tx: Transaction, caller: Caller, certificate_id: UUID
) -> tuple[IssuedCertificate, bytes]:
    """The certificate and its PDF. Raises as `get`."""
    found = await get(tx, caller, certificate_id)
    return found, await certificates.pdf_of(tx, certificate_id)


async def verify(tx: Transaction, certificate_id: UUID) -> IssuedCertificate:
    """The certificate of this number, whoever asks. Raises NOT_FOUND."""
    found = await certificates.find(tx, certificate_id)
    if found is None or found.issued_at is None:
        raise _unknown()
    return found


async def due(tx: Transaction) -> list[PendingCertificate]:
    """Certificates whose turn to be made has come."""
    return list(await certificates.due(tx, tx.now, _AT_ONCE))


class CertificateIssuer:
    """Makes certificates. The names of holder and organisation are asked for at that moment: they must be as they are now.

    `issuer_name` is what stands there for an organisation that has given itself no name.
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
        """Makes the certificate permanent; False when it has to be tried again later, or another replica made it."""
        annotate(
            person_id=pending.person_id,
            course_id=pending.course_id,
            certificate_id=pending.certificate_id,
        )
        try:
            name = await self._holder_name(pending.person_id)
            issuer_name = await self._organisation_name()
        except ServiceError as failure:
            await self._postpone(pending, failure)
            return False
        public_key, seed = self._key or await self._load_key()
        issuer = Issuer(issuer_name, self._public_url, public_key)
        achievement = Achievement(
            pending.certificate_id, name, pending.title, pending.course_id, self._clock()
        )
        documents = await asyncio.to_thread(_documents, achievement, issuer, seed)
        async with self._database.transaction() as tx:
            done = await certificates.issue(tx, achievement.certificate_id, documents)
            if done:
                tx.record(_issued(pending))
        return done

    async def _holder_name(self, person_id: UUID) -> str:
        request = GetRegistrationInformationRequest(person_id=str(person_id))
        try:
            known = await self._people.GetRegistrationInformation(request)
        except grpc.aio.AioRpcError as failed:
            raise error_of(failed) from failed
        return known.legal_name

    async def _organisation_name(self) -> str:
        try:
            known = await self._organisation.GetOrganisation(GetOrganisationRequest())
        except grpc.aio.AioRpcError as failed:
            raise error_of(failed) from failed
        return known.organisation.name or self._issuer_name

    async def _postpone(self, pending: PendingCertificate, failure: ServiceError) -> None:
        pause = min(_FIRST_PAUSE * 2 ** min(pending.tries, 10), _LONGEST_PAUSE)
        async with self._database.transaction() as tx:
            await certificates.postpone(tx, pending.certificate_id, tx.now + pause)
        _log.warning(
            "certificate_postponed",
            certificate_id=str(pending.certificate_id),
            reason=failure.reason,
            tries=pending.tries + 1,
        )

    async def _load_key(self) -> tuple[bytes, bytes]:
        """The key that signs, its public half first; made when there is none. Replicas that make one at once agree on the oldest."""
        async with self._database.transaction() as tx:
            kept = await certificates.issuer_key(tx)
        if kept is None:
            seed = new_key()
            public_key = public_key_of(seed)
            key_id = public_key_multibase(public_key)
            async with self._database.transaction() as tx:
                encrypted = self._encryption.encrypt(seed, key_id)
                await certificates.add_issuer_key(tx, key_id, public_key, encrypted)
                kept = await certificates.issuer_key(tx)
            assert kept is not None, "a key was just kept"
        public_key, encrypted = kept
        self._key = (
            public_key,
            self._encryption.decrypt(encrypted, public_key_multibase(public_key)),
        )
        return self._key


def _documents(achievement: Achievement, issuer: Issuer, seed: bytes) -> Documents:
    certificate = Certificate(
        certificate_id=achievement.certificate_id,
        holder_name=achievement.holder_name,
        title=achievement.title,
        issuer_name=issuer.name,
        issued_at=achievement.issued_at,
        url=issuer.verification_url(achievement.certificate_id),
    )
    options = proof_options(issuer, achievement.issued_at)
    badge = signed(credential(achievement, issuer), options, seed)
    return Documents(
        holder_name=achievement.holder_name,
        issued_at=achievement.issued_at,
        credential=json.dumps(badge, ensure_ascii=False),
        pdf=make_pdf(certificate),
    )


def _issued(pending: PendingCertificate) -> events_pb2.CertificateIssued:
    return events_pb2.CertificateIssued(
        certificate_id=str(pending.certificate_id),
        registration_id=str(pending.registration_id),
        person_id=str(pending.person_id),
        course_id=str(pending.course_id),
        course_title=pending.title,
    )


def _unknown() -> ServiceError:
    return not_found(
        "NOT_FOUND", "There is no certificate of this number. Check the number and try again."
    )


def _pending() -> ServiceError:
    return ServiceError(
        Kind.INVALID_STATE_TRANSITION,
        "CERTIFICATE_PENDING",
        "Your certificate is being made. Please try again in a moment.",
        retry_after=_FIRST_PAUSE,
    )
