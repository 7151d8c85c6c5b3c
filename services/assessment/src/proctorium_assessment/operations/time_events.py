"""Pauses and extra time, which change the clocks of attempts.

The events may arrive late, repeatedly and in any order. The times of the proctors' commands count.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from proctorium_assessment.domain.attempts import Attempt
from proctorium_assessment.domain.time_ledger import LedgerEntry
from proctorium_assessment.storage import attempts, sessions, time_events
from proctorium_common.storage.database import Transaction


async def add_entry(
    tx: Transaction, session_id: UUID, participant_id: UUID | None, entry: LedgerEntry
) -> None:
    """Store an entry, and compute the time of the open attempts that the entry concerns.

    If `participant_id` is None, the entry concerns all participants of the session, also later ones. The session's row
    is locked first, so that no attempt is created without the entry.
    """
    await sessions.lock_session(tx, session_id)
    if not await time_events.insert_entry(tx, session_id, participant_id, entry):
        return
    locked = await (
        attempts.lock_open_attempts(tx, session_id=session_id)
        if participant_id is None
        else attempts.lock_open_attempts(tx, participant_id=participant_id)
    )
    entries = await time_events.list_entries(tx, session_id, participant_id)
    timed = [
        attempt.with_time([*entries.get(None, ()), *entries.get(attempt.participant_id, ())])
        for attempt in locked
    ]
    pairs = zip(locked, timed, strict=True)
    await attempts.update_attempts(tx, [after for before, after in pairs if after != before])


async def list_ledger(tx: Transaction, attempt: Attempt) -> Sequence[LedgerEntry]:
    """Return the entries of the attempt's time ledger. An attempt outside a session has none."""
    if attempt.session_id is None:
        return ()
    entries = await time_events.list_entries(tx, attempt.session_id, attempt.participant_id)
    return [entry for each in entries.values() for entry in each]
