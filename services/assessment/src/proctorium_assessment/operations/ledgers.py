"""Reading the time ledgers of attempts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from proctorium_assessment.domain.attempts import Attempt
from proctorium_assessment.domain.time_ledger import LedgerEntry
from proctorium_assessment.storage import accommodations, time_events
from proctorium_common.storage.database import Transaction


async def list_ledgers(
    tx: Transaction, of: Sequence[Attempt]
) -> Mapping[UUID, Sequence[LedgerEntry]]:
    """Return the time ledger of each attempt, by attempt id."""
    personal = await accommodations.list_entries(tx, {attempt.person_id for attempt in of})
    participants = {attempt.participant_id for attempt in of}
    only = participants.pop() if len(participants) == 1 else None
    by_session = {
        session_id: await time_events.list_entries(tx, session_id, only)
        for session_id in {attempt.session_id for attempt in of}
        if session_id is not None
    }
    ledgers: dict[UUID, Sequence[LedgerEntry]] = {}
    for attempt in of:
        entries = by_session[attempt.session_id] if attempt.session_id is not None else {}
        ledgers[attempt.attempt_id] = [
            *personal.get(attempt.person_id, ()),
            *entries.get(None, ()),
            *entries.get(attempt.participant_id, ()),
        ]
    return ledgers
