"""Reports of the changes of answers that were received during stops, such as pauses, removals and breaks.

The changes are stored and count like all others. They are not marked when they are saved, because a stop is known only
when its event arrives. Instead, they are counted by the times at which they were received and the times of the stop. A
change is reported once, even if stops overlap or an attempt that was submitted during a stop is reopened.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from proctorium_assessment import events
from proctorium_assessment.domain.attempts import Attempt, AttemptState
from proctorium_assessment.domain.time_ledger import LedgerEntry
from proctorium_assessment.storage import answers
from proctorium_common.storage.database import Transaction


async def record_changes_during_stop(
    tx: Transaction, locked: Collection[Attempt], stop: LedgerEntry, ended_at: datetime
) -> None:
    """Record an event for each attempt in progress that received unreported changes during the stop.

    The stop ended at `ended_at`, or the attempt is submitted at this time. The caller has locked the attempts' rows.
    """
    started = {each.attempt_id: each for each in locked if each.state is AttemptState.IN_PROGRESS}
    if not started:
        return
    counts = await answers.insert_changes_during_stop(
        tx, list(started), stop.entry_id, stop.at, ended_at
    )
    for attempt_id, count in counts.items():
        tx.record(events.attempt_saved_during_stop(started[attempt_id], stop.entry_id, count))
