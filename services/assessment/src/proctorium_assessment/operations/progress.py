"""Publishing the progress of attempts at intervals instead of after each save (`S7`)."""

from __future__ import annotations

from datetime import timedelta

from proctorium_assessment import events
from proctorium_assessment.storage import answers, assessments, attempts
from proctorium_common.storage.database import Transaction

_BATCH = 200


async def publish_progress(tx: Transaction, interval: timedelta) -> int:
    """Publish the progress of attempts that have new answers, and return the number of these attempts.

    The progress of an attempt is published at most once per `interval`. A restart loses no progress, because the row of
    each attempt shows whether the attempt has unpublished progress.
    """
    locked = await attempts.lock_progressed_attempts(tx, tx.now - interval, _BATCH)
    if not locked:
        return 0
    described = await assessments.get_descriptions(
        tx, [attempt.assessment_id for attempt in locked]
    )
    counts = await answers.count_answered(tx, [attempt.attempt_id for attempt in locked])
    for attempt in locked:
        assessment = described.get(attempt.assessment_id)
        item_count = assessment.item_count if assessment is not None else 0
        answered_count = counts.get(attempt.attempt_id, 0)
        tx.record(events.attempt_progressed(attempt, answered_count, item_count))
    await attempts.update_progress_published(tx, [attempt.attempt_id for attempt in locked])
    return len(locked)
