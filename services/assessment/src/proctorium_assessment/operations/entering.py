"""Entering attempts on devices (`A7`).

The page that entered an attempt last is the writer. Its changes take precedence over the changes of pages that entered
the attempt earlier, for example on another device.
"""

from __future__ import annotations

from typing import TypeVar
from uuid import UUID

from google.protobuf.message import Message

from proctorium_assessment import events
from proctorium_assessment.domain.attempts import Attempt, not_your_attempt
from proctorium_assessment.operations.access import annotate_attempt
from proctorium_assessment.storage import attempts
from proctorium_common.storage.database import Database, Transaction
from proctorium_common.storage.idempotency import Responder

M = TypeVar("M", bound=Message)


async def enter(
    database: Database,
    person_id: UUID,
    attempt_id: UUID,
    device_id: UUID,
    responder: Responder[Attempt, M],
) -> M:
    """Enter the attempt on a device, and issue a new writer epoch.

    Raises NOT_YOUR_ATTEMPT, ATTEMPT_NOT_STARTED, ATTEMPT_SUBMITTED.
    """

    async def run(tx: Transaction) -> Attempt:
        attempt = await attempts.lock_attempt(tx, attempt_id)
        if attempt is None or attempt.person_id != person_id:
            raise not_your_attempt()
        annotate_attempt(attempt)
        entered = attempt.enter(device_id, tx.now)
        await attempts.update_writer(tx, entered)
        if attempt.writer_device not in (None, device_id):
            tx.record(events.attempt_entered(entered))
        return entered

    return await database.respond(responder, run)
