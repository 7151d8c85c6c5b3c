"""A learner sends a picture (`I1`, `I6`): read, re-encoded, encrypted, put away, and only then noted in the case.

The object is written before its row: a crash between the two leaves an object that nothing refers to, never a row without one. What a
refusal or a repetition leaves is deleted.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from uuid import UUID

from proctorium.identity.events.v1 import events_pb2
from proctorium_common.errors import ServiceError
from proctorium_common.ids import new_id
from proctorium_common.rpc.caller import Caller
from proctorium_common.storage.database import Transaction
from proctorium_common.telemetry.logs import get_logger
from proctorium_identity.domain.cases import (
    Case,
    CaseState,
    Move,
    moved,
    not_your_case,
)
from proctorium_identity.domain.evidence import (
    EVIDENCE_NEEDED,
    Evidence,
    EvidenceKind,
    require_room,
)
from proctorium_identity.images.process import Picture
from proctorium_identity.operations.cases import CHANNEL, save_move
from proctorium_identity.storage import cases
from proctorium_identity.storage import evidence as kept
from proctorium_identity.storage.encryption import CaseKey, CaseKeys
from proctorium_identity.storage.objects import EvidenceStore

_log = get_logger()


@dataclass(slots=True)
class PutAway:
    """A picture on its way into the store and its case; `taken` once its case may have it, so that it must stay."""

    evidence_id: UUID
    case_id: UUID
    kind: EvidenceKind
    object_key: str
    picture: Picture
    taken: bool = False


async def key_for_sender(
    tx: Transaction, case_keys: CaseKeys, caller: Caller, case_id: UUID, kind: EvidenceKind
) -> CaseKey:
    """The key to encrypt with, for the learner of a case that takes a picture. Raises NOT_YOUR_CASE, CASE_CLOSED, TOO_MANY_IMAGES.

    What is refused here costs no work; whether the case still takes the picture is `submit`'s to say.
    """
    await _require_taking(tx, await cases.find_case(tx, case_id), caller, kind)
    return case_keys.unwrap(case_id, await cases.wrapped_key_of(tx, case_id))


@asynccontextmanager
async def put_away(
    store: EvidenceStore, key: CaseKey, *, case_id: UUID, kind: EvidenceKind, picture: Picture
) -> AsyncIterator[PutAway]:
    """Stores the picture encrypted, and deletes it at the end of the block unless `submit` took it. Raises DEPENDENCY_UNAVAILABLE.

    What was taken stays whatever comes of the commit: where its answer was lost, the row may be there.
    """
    evidence_id = new_id()
    put = PutAway(evidence_id, case_id, kind, f"{case_id}/{evidence_id}", picture)
    storing = asyncio.ensure_future(
        store.put(put.object_key, key.encrypt(kind, evidence_id, picture.jpeg))
    )
    try:
        await asyncio.shield(storing)
        yield put
    finally:
        if not put.taken:
            # Shielded: whoever hangs up leaves nothing behind either.
            await asyncio.shield(_discard(store, put, storing))


async def _discard(store: EvidenceStore, put: PutAway, storing: asyncio.Future[None]) -> None:
    # An object that has not come yet cannot be deleted.
    await asyncio.wait([storing])
    try:
        await store.delete(put.object_key)
    except ServiceError:
        # What the learner is told is why the picture was not taken.
        _log.warning("evidence_left_behind", case_id=str(put.case_id), object_key=put.object_key)


async def submit(tx: Transaction, caller: Caller, put: PutAway) -> Case:
    """Makes the picture part of the case; with the last one that is needed, a proctor has to look.

    Raises NOT_YOUR_CASE, CASE_CLOSED, TOO_MANY_IMAGES.
    """
    # Whatever fails before the last line fails before the commit.
    case = await _require_taking(tx, await cases.lock_case(tx, put.case_id), caller, put.kind)
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
    put.taken = True
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


async def _require_taking(
    tx: Transaction, case: Case | None, caller: Caller, kind: EvidenceKind
) -> Case:
    """The case, if it is the caller's and takes a picture of this kind."""
    if case is None or caller.person_id is None or case.person_id != caller.person_id:
        raise not_your_case()
    moved(case, Move.COMPLETE)
    require_room(kind, case.evidence, await kept.count_evidence(tx, case.case_id))
    return case
