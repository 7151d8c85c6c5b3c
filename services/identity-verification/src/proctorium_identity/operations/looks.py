"""Reading a picture or a learner's registration data, as a proctor or an administrator (`I3`, `I5`).

Each access is committed to the log before anything is returned: `begin_…` is the transaction, and the function after it returns the data.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

import grpc

from proctorium.enrollment.v1 import people_pb2, people_pb2_grpc
from proctorium_access.certifications import require_certification
from proctorium_common.errors import Kind, ServiceError, not_allowed, unavailable
from proctorium_common.rpc.caller import Caller
from proctorium_common.storage.database import Transaction
from proctorium_common.telemetry.traces import annotate
from proctorium_identity.domain.cases import (
    ActingRole,
    Case,
    evidence_missing,
    not_your_case,
)
from proctorium_identity.domain.evidence import Evidence, EvidenceKind
from proctorium_identity.operations.access import Actor, actor_on
from proctorium_identity.storage import cases, looks, sessions
from proctorium_identity.storage import evidence as kept
from proctorium_identity.storage.encryption import CaseKey, CaseKeys
from proctorium_identity.storage.objects import EvidenceStore, ObjectMissingError


@dataclass(frozen=True, slots=True)
class Look:
    """A logged access: the picture, and the key to decrypt it."""

    picture: Evidence
    key: CaseKey


async def begin_look(
    tx: Transaction,
    case_keys: CaseKeys,
    caller: Caller,
    case_id: UUID,
    kind: EvidenceKind,
    *,
    readable: timedelta,
) -> Look:
    """Log an access to a picture. Raises as `_reader`, and EVIDENCE_MISSING."""
    case, reader = await _reader(tx, caller, case_id, readable)
    current = {picture.kind: picture for picture in await kept.current_evidence(tx, case_id)}
    if kind not in current:
        raise evidence_missing(frozenset({kind}))
    await looks.add_look(tx, case.case_id, reader.person_id, reader.role, current[kind])
    return Look(current[kind], case_keys.unwrap(case_id, await cases.wrapped_key_of(tx, case_id)))


async def show(store: EvidenceStore, look: Look) -> bytes:
    """Return the picture of a logged access. Raises EVIDENCE_DESTROYED, DEPENDENCY_UNAVAILABLE."""
    picture = look.picture
    try:
        ciphertext = await store.get(picture.object_key)
    except ObjectMissingError as gone:
        raise evidence_destroyed() from gone
    return look.key.decrypt(picture.kind, picture.evidence_id, ciphertext)


async def begin_registration_look(
    tx: Transaction, caller: Caller, case_id: UUID, *, readable: timedelta
) -> UUID:
    """Log an access to a learner's registration data and return the learner's ID. Raises as `_reader`."""
    case, reader = await _reader(tx, caller, case_id, readable)
    await looks.add_look(tx, case.case_id, reader.person_id, reader.role, None)
    return case.person_id


async def ask_registration(
    people: people_pb2_grpc.PersonServiceStub, person_id: UUID
) -> people_pb2.GetRegistrationInformationResponse:
    """Fetch the learner's current registration data from enrollment. Raises DEPENDENCY_UNAVAILABLE."""
    try:
        return await people.GetRegistrationInformation(
            people_pb2.GetRegistrationInformationRequest(person_id=str(person_id))
        )
    except grpc.RpcError as failure:
        raise unavailable(
            "DEPENDENCY_UNAVAILABLE",
            "The learner's registration data is not available now. Please try again in a moment; "
            "you can look at the pictures meanwhile.",
        ) from failure


async def _reader(
    tx: Transaction, caller: Caller, case_id: UUID, readable: timedelta
) -> tuple[Case, Actor]:
    """Return the case, and the caller in the role in which they may read its evidence.

    Proctors of the session may read it while they are certified and until `readable` after its end, administrators at any time. Raises
    NOT_YOUR_CASE, EVIDENCE_CLOSED, CERTIFICATION_ENDED.
    """
    case = await cases.find_case(tx, case_id)
    if case is None:
        raise not_your_case()
    reader = await actor_on(tx, caller, case)
    annotate(session_id=case.session_id, participant_id=case.participant_id)
    ended_at = await sessions.ended_at(tx, case.session_id)
    if ended_at is not None and tx.now > ended_at + readable:
        if "administrator" not in caller.roles:
            raise evidence_closed()
        return case, replace(reader, role=ActingRole.ADMINISTRATOR)
    if reader.role is ActingRole.PROCTOR:
        await require_certification(tx, reader.person_id)
    return case, reader


def evidence_closed() -> ServiceError:
    """Return the error for a proctor who reads evidence too long after the end of the session."""
    return not_allowed(
        "EVIDENCE_CLOSED",
        "The session ended too long ago for its proctors to read a learner's pictures and registration. "
        "If they are still needed, ask an administrator.",
    )


def evidence_destroyed() -> ServiceError:
    """Return the error for a picture that was deleted."""
    return ServiceError(
        Kind.NOT_FOUND,
        "EVIDENCE_DESTROYED",
        "This picture is no longer stored. If it is needed, ask the learner for a new one.",
    )
