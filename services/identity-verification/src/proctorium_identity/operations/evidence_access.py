"""Views of evidence and registration data, and the log of these accesses (`I3`, `I5`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

import grpc

from proctorium.enrollment.v1 import people_pb2, people_pb2_grpc
from proctorium_access.certifications import require_certification
from proctorium_common.errors import unavailable
from proctorium_common.rpc.caller import Caller
from proctorium_common.storage import pages
from proctorium_common.storage.database import Database, Transaction
from proctorium_common.telemetry.traces import annotate
from proctorium_identity.domain.cases import (
    ActingRole,
    Actor,
    Case,
    evidence_missing,
    not_your_case,
    require_images,
)
from proctorium_identity.domain.evidence import (
    EvidenceKind,
    evidence_closed,
    evidence_destroyed,
)
from proctorium_identity.operations.actors import case_actor
from proctorium_identity.storage import cases, evidence, evidence_accesses, sessions
from proctorium_identity.storage.encryption import CaseKeys
from proctorium_identity.storage.evidence_accesses import EvidenceAccess
from proctorium_identity.storage.objects import EvidenceStore, ObjectMissingError


@dataclass(frozen=True, slots=True)
class Image:
    """A decrypted image."""

    content: bytes
    media_type: str


@dataclass(frozen=True, slots=True)
class Registration:
    """The registration data of a learner. `date_of_birth` is an ISO 8601 date or empty."""

    legal_name: str
    date_of_birth: str


class EvidenceViewing:
    """Returns images and registration data to proctors and administrators.

    The log entry of each access is committed before the data is fetched.
    """

    def __init__(
        self,
        database: Database,
        case_keys: CaseKeys,
        store: EvidenceStore,
        people: people_pb2_grpc.PersonServiceStub,
        *,
        access_period: timedelta,
    ) -> None:
        """Set `access_period`, the time after a session in which the session's proctors may view evidence."""
        self._database = database
        self._case_keys = case_keys
        self._store = store
        self._people = people
        self._access_period = access_period

    async def view_image(self, caller: Caller, case_id: UUID, kind: EvidenceKind) -> Image:
        """Return the current image of `kind`, decrypted.

        Raises ALTERNATIVE_CHECK, EVIDENCE_MISSING, EVIDENCE_DESTROYED, DEPENDENCY_UNAVAILABLE, and the errors of
        `_viewed_case`.
        """
        async with self._database.transaction() as tx:
            case, actor = await self._viewed_case(tx, caller, case_id)
            require_images(case, "The identity of this learner is checked without photos.")
            current = {
                each.kind: each for each in await evidence.list_current_evidence(tx, case_id)
            }
            if kind not in current:
                raise evidence_missing(frozenset({kind}))
            viewed = current[kind]
            await evidence_accesses.insert_access(
                tx, case.case_id, actor.person_id, actor.role, viewed
            )
            encrypted_key = await cases.get_encrypted_key(tx, case_id)
        key = self._case_keys.decrypt(case_id, encrypted_key)
        try:
            ciphertext = await self._store.get(viewed.object_key)
        except ObjectMissingError as missing:
            raise evidence_destroyed() from missing
        return Image(key.decrypt(kind, viewed.evidence_id, ciphertext), viewed.media_type)

    async def view_registration(self, caller: Caller, case_id: UUID) -> Registration:
        """Return the learner's current registration data.

        Raises DEPENDENCY_UNAVAILABLE and the errors of `_viewed_case`.
        """
        async with self._database.transaction() as tx:
            case, actor = await self._viewed_case(tx, caller, case_id)
            await evidence_accesses.insert_access(
                tx, case.case_id, actor.person_id, actor.role, None
            )
        try:
            response = await self._people.GetRegistrationInformation(
                people_pb2.GetRegistrationInformationRequest(person_id=str(case.person_id))
            )
        except grpc.RpcError as failure:
            raise unavailable(
                "DEPENDENCY_UNAVAILABLE",
                "The learner's registration data is not available now. Please try again in a moment; "
                "you can look at the photos in the meantime.",
            ) from failure
        return Registration(response.legal_name, response.date_of_birth)

    async def _viewed_case(
        self, tx: Transaction, caller: Caller, case_id: UUID
    ) -> tuple[Case, Actor]:
        """Return the case, and the caller as an `Actor` with the role in which the caller may view the evidence.

        Proctors of the session may view the evidence while they are certified and until the access period ends.
        Administrators may view it at any time. Raises NOT_YOUR_CASE, EVIDENCE_CLOSED and CERTIFICATION_ENDED.
        """
        case = await cases.get_case(tx, case_id)
        if case is None:
            raise not_your_case()
        actor = await case_actor(tx, caller, case)
        annotate(session_id=case.session_id, participant_id=case.participant_id)
        ended_at = (await sessions.get_session(tx, case.session_id)).ended_at
        if ended_at is not None and tx.now > ended_at + self._access_period:
            if not caller.is_administrator:
                raise evidence_closed()
            return case, replace(actor, role=ActingRole.ADMINISTRATOR)
        if actor.role is ActingRole.PROCTOR:
            await require_certification(tx, actor.person_id)
        return case, actor


async def list_accesses(
    database: Database, session_id: UUID, *, page_size: int, page_token: str
) -> tuple[Sequence[EvidenceAccess], str]:
    """Return one page of the accesses in the session, newest first, and the token of the next page.

    The token is empty if there is no next page. Raises INVALID_PAGE_TOKEN.
    """
    name = f"evidence-accesses:{session_id}"
    limit = pages.effective_size(page_size)
    async with database.transaction() as tx:
        tokens = await pages.tokens(tx)
        before = tokens.after(name, page_token, datetime, UUID)
        accesses = await evidence_accesses.list_accesses_of_session(
            tx, session_id, before=before, limit=limit + 1
        )
    return tokens.cut(name, accesses, limit, lambda each: (each.accessed_at, each.access_id))
