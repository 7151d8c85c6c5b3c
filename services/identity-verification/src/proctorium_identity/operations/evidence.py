"""The submission of an image as evidence (`I1`, `I6`)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TypeVar
from uuid import UUID

from google.protobuf.message import Message

from proctorium_common.errors import ServiceError
from proctorium_common.ids import new_id
from proctorium_common.rpc.caller import Caller
from proctorium_common.storage.database import Database, Transaction
from proctorium_common.storage.idempotency import Responder, stored_response
from proctorium_common.telemetry.logs import get_logger
from proctorium_identity import events
from proctorium_identity.domain.cases import (
    Case,
    CaseAction,
    next_state,
    not_your_case,
    require_images,
)
from proctorium_identity.domain.evidence import (
    EVIDENCE_NEEDED,
    Evidence,
    EvidenceKind,
    require_image_accepted,
)
from proctorium_identity.images.process import ImageReader, ReadImage
from proctorium_identity.operations.cases import CHANNEL, store_case
from proctorium_identity.storage import cases
from proctorium_identity.storage import evidence as stored_evidence
from proctorium_identity.storage.encryption import CaseKey, CaseKeys
from proctorium_identity.storage.objects import EvidenceStore

M = TypeVar("M", bound=Message)

_log = get_logger()


@dataclass(slots=True)
class _StoredImage:
    """An image in the object storage. It must not be deleted if `accepted` is true, because it may have a row."""

    evidence_id: UUID
    case_id: UUID
    kind: EvidenceKind
    object_key: str
    image: ReadImage
    accepted: bool = False


class EvidenceSubmission:
    """Reads, encrypts and stores submitted images.

    The object of an image is written before the row of the image. Therefore a crash can leave an object without a row,
    but never a row without an object. The object is deleted if the request is refused or is a repetition.
    """

    def __init__(
        self, database: Database, case_keys: CaseKeys, store: EvidenceStore, reader: ImageReader
    ) -> None:
        self._database = database
        self._case_keys = case_keys
        self._store = store
        self._reader = reader

    async def submit(
        self,
        caller: Caller,
        case_id: UUID,
        kind: EvidenceKind,
        file: bytes,
        responder: Responder[Case, M],
        *,
        within: float | None,
    ) -> M:
        """Add the image in `file` to the case, and submit the case if the case then has an image of each kind.

        `within` is the time until the deadline of the call in seconds, or None if the call has no deadline. Raises
        NOT_YOUR_CASE, CASE_CLOSED, ALTERNATIVE_CHECK, TOO_MANY_IMAGES, DEPENDENCY_UNAVAILABLE, and the errors of
        `ImageReader.read`.
        """
        async with self._database.transaction() as tx:
            response = await stored_response(tx, responder.request, responder.response)
            if response is not None:
                return response
            # This check refuses an image before it is read. `run` repeats the check because the case can change while
            # the image is read.
            await _require_accepted(tx, await cases.get_case(tx, case_id), caller, kind)
            encrypted_key = await cases.get_encrypted_key(tx, case_id)
        key = self._case_keys.decrypt(case_id, encrypted_key)
        image = await self._reader.read(file, case_id, within=within)
        async with self._stored(key, case_id, kind, image) as stored:

            async def run(tx: Transaction) -> Case:
                # `accepted` is set before the commit, so that the object of a committed row is never deleted. It is set
                # after `_add_image`, so that the object is deleted if `_add_image` fails.
                case = await _add_image(tx, caller, stored)
                stored.accepted = True
                return case

            return await self._database.respond(responder, run)

    @asynccontextmanager
    async def _stored(
        self, key: CaseKey, case_id: UUID, kind: EvidenceKind, image: ReadImage
    ) -> AsyncIterator[_StoredImage]:
        """Store the encrypted image, and delete the image at the end of the `async with` block unless it was accepted.

        An accepted image is not deleted even if the commit raises an error. In this case, the row may exist, because
        the error can mean that only the response to the commit was lost.
        """
        evidence_id = new_id()
        stored = _StoredImage(evidence_id, case_id, kind, f"{case_id}/{evidence_id}", image)
        storing = asyncio.ensure_future(
            self._store.put(stored.object_key, key.encrypt(kind, evidence_id, image.jpeg))
        )
        try:
            await asyncio.shield(storing)
            yield stored
        finally:
            if not stored.accepted:
                # The shield ensures that the object is deleted even if the call is cancelled.
                await asyncio.shield(self._discard(stored, storing))

    async def _discard(self, stored: _StoredImage, storing: asyncio.Future[None]) -> None:
        # Wait until the object is written, because an object cannot be deleted before it is written.
        await asyncio.wait([storing])
        try:
            await self._store.delete(stored.object_key)
        except ServiceError:
            # The failure of the deletion is only logged, so that the learner receives the error for which the image was
            # refused.
            _log.warning(
                "evidence_not_deleted", case_id=str(stored.case_id), object_key=stored.object_key
            )


async def _add_image(tx: Transaction, caller: Caller, stored: _StoredImage) -> Case:
    """Add the image to its case and return the case. Raises the errors of `_require_accepted`."""
    locked = await cases.lock_case(tx, stored.case_id)
    case = await _require_accepted(tx, locked, caller, stored.kind)
    new = Evidence(
        evidence_id=stored.evidence_id,
        case_id=stored.case_id,
        kind=stored.kind,
        object_key=stored.object_key,
        media_type=stored.image.media_type,
        submitted_at=tx.now,
    )
    await stored_evidence.insert_evidence(tx, new, stored.image.width, stored.image.height)
    case = replace(case, evidence=case.evidence | {stored.kind})
    state = next_state(case, CaseAction.SUBMIT)
    if state is None or not case.evidence >= EVIDENCE_NEEDED:
        tx.notify(CHANNEL, str(case.session_id))
        return case
    case = replace(case, state=state, submitted_at=tx.now)
    await store_case(tx, case)
    tx.record(events.case_submitted(case))
    return case


async def _require_accepted(
    tx: Transaction, case: Case | None, caller: Caller, kind: EvidenceKind
) -> Case:
    """Return the case if it belongs to the caller and accepts an image of this kind.

    Raises NOT_YOUR_CASE, CASE_CLOSED, ALTERNATIVE_CHECK and TOO_MANY_IMAGES.
    """
    if case is None or caller.person_id is None or case.person_id != caller.person_id:
        raise not_your_case()
    next_state(case, CaseAction.SUBMIT)
    require_images(
        case,
        "Your identity is checked without photos, so you need not send any. "
        "A proctor of your session checks it in another way.",
    )
    count = await stored_evidence.count_evidence(tx, case.case_id)
    require_image_accepted(kind, case.evidence, count)
    return case
