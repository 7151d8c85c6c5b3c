"""A learner sends a picture (`I1`, `I6`): read, re-encoded, encrypted, put away, and only then noted in the case.

The object is written before its row: a crash between the two leaves an object that nothing refers to, never a row without one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from uuid import UUID

from proctorium.identity.events.v1 import events_pb2
from proctorium_common.ids import new_id
from proctorium_common.rpc.caller import Caller
from proctorium_common.storage.database import Transaction
from proctorium_identity.domain.cases import (
    Case,
    CaseState,
    Move,
    moved,
    not_your_case,
)
from proctorium_identity.domain.evidence import EVIDENCE_NEEDED, Evidence, EvidenceKind
from proctorium_identity.operations.cases import CHANNEL, save_move
from proctorium_identity.pictures.process import Picture, PictureReader
from proctorium_identity.storage import cases
from proctorium_identity.storage import evidence as kept
from proctorium_identity.storage.objects import EvidenceStore
from proctorium_identity.storage.sealing import CaseKey, CaseKeys


@dataclass(frozen=True, slots=True)
class PutAway:
    """A picture that is in the store and in no case yet."""

    evidence_id: UUID
    case_id: UUID
    kind: EvidenceKind
    object_key: str
    picture: Picture


async def key_for_sender(
    tx: Transaction, case_keys: CaseKeys, caller: Caller, case_id: UUID
) -> CaseKey:
    """The key to encrypt with, for the learner of the case. Raises NOT_YOUR_CASE."""
    case = await cases.find_case(tx, case_id)
    _require_own(case, caller)
    return case_keys.unwrap(case_id, await cases.wrapped_key_of(tx, case_id))


async def put_away(
    reader: PictureReader,
    store: EvidenceStore,
    key: CaseKey,
    *,
    case_id: UUID,
    kind: EvidenceKind,
    file: bytes,
) -> PutAway:
    """Reads the picture and stores it encrypted. Raises IMAGE_UNREADABLE, _TOO_LARGE, _TOO_SMALL, _TOO_DARK, DEPENDENCY_UNAVAILABLE."""
    picture = await reader.read(file)
    evidence_id = new_id()
    object_key = f"{case_id}/{evidence_id}"
    await store.put(object_key, key.seal(kind, evidence_id, picture.jpeg))
    return PutAway(evidence_id, case_id, kind, object_key, picture)


async def submit(tx: Transaction, caller: Caller, put: PutAway) -> Case:
    """Makes the picture part of the case; with the last one that is needed, a proctor has to look. Raises NOT_YOUR_CASE, CASE_CLOSED."""
    case = _require_own(await cases.lock_case(tx, put.case_id), caller)
    complete = case.evidence | {put.kind} >= EVIDENCE_NEEDED
    state = moved(case, Move.COMPLETE)
    await kept.add_evidence(tx, _evidence(tx, put), put.picture.width, put.picture.height)
    changed = replace(case, evidence=case.evidence | {put.kind})
    if complete and case.state is not CaseState.SUBMITTED:
        changed = replace(changed, state=state, submitted_at=tx.now)
        await save_move(tx, changed)
        tx.record(
            events_pb2.CaseSubmitted(
                case_id=str(case.case_id),
                session_id=str(case.session_id),
                participant_id=str(case.participant_id),
                person_id=str(case.person_id),
            )
        )
    else:
        tx.notify(CHANNEL, str(case.session_id))
    return changed


def _evidence(tx: Transaction, put: PutAway) -> Evidence:
    return Evidence(
        evidence_id=put.evidence_id,
        case_id=put.case_id,
        kind=put.kind,
        object_key=put.object_key,
        media_type=put.picture.media_type,
        submitted_at=tx.now,
    )


def _require_own(case: Case | None, caller: Caller) -> Case:
    if case is None or caller.person_id is None or case.person_id != caller.person_id:
        raise not_your_case()
    return case
