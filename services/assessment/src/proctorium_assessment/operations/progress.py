"""How far learners are, told to others now and then and not with every save (`S7`)."""

from __future__ import annotations

from datetime import timedelta

from proctorium_assessment.operations import facts
from proctorium_assessment.storage import answers, assessments, attempts
from proctorium_common.storage.database import Transaction

_AT_ONCE = 200


async def tell(tx: Transaction, at_most_every: timedelta) -> int:
    """Tells the progress of attempts with news that were not told of within `at_most_every`; answers how many.

    What is new is seen in the attempts' rows, so nothing is forgotten with a process.
    """
    held = await attempts.hold_progressed(tx, tx.now - at_most_every, _AT_ONCE)
    if not held:
        return 0
    described = await assessments.describe_all(tx, [attempt.assessment_id for attempt in held])
    counts = await answers.answered_counts(tx, [attempt.attempt_id for attempt in held])
    for attempt in held:
        assessment = described.get(attempt.assessment_id)
        tx.record(
            facts.progressed(
                attempt,
                counts.get(attempt.attempt_id, 0),
                assessment.item_count if assessment is not None else 0,
            )
        )
    await attempts.mark_told(tx, [attempt.attempt_id for attempt in held])
    return len(held)
