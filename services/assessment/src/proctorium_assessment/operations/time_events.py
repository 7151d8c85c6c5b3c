"""Pauses, extra time and accommodations, which change the clocks of attempts.

The events may arrive late, repeatedly and in any order. The times of the commands count, except that accommodations
which arrive after the start of an attempt never reduce its time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from proctorium_assessment import events
from proctorium_assessment.domain.attempts import Attempt, AttemptState
from proctorium_assessment.domain.time_ledger import LedgerEntry
from proctorium_assessment.storage import accommodations, attempts, sessions, time_events
from proctorium_common.storage.database import Transaction


async def add_entry(
    tx: Transaction, session_id: UUID, participant_id: UUID | None, entry: LedgerEntry
) -> None:
    """Store an entry, and compute the time of the open attempts that the entry concerns.

    If `participant_id` is None, the entry concerns all participants of the session, including participants who join
    later. The session's row is locked first, so that no attempt is created without the entry.
    """
    await sessions.lock_session(tx, session_id)
    if not await time_events.insert_entry(tx, session_id, participant_id, entry):
        return
    await _update_time(
        tx,
        await (
            attempts.lock_open_attempts(tx, session_id=session_id)
            if participant_id is None
            else attempts.lock_open_attempts(tx, participant_id=participant_id)
        ),
    )


async def add_accommodation(
    tx: Transaction, person_id: UUID, revision: int, entry: LedgerEntry
) -> None:
    """Store a revision of a person's accommodations, and compute the time of the person's open attempts.

    The start of an attempt locks the attempt's row before it reads the ledger. Therefore an attempt that is started
    concurrently also has the new accommodations.
    """
    if await accommodations.insert_entry(tx, person_id, revision, entry):
        await _update_time(tx, await attempts.lock_open_attempts(tx, person_id=person_id))


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


async def _update_time(tx: Transaction, locked: Sequence[Attempt]) -> None:
    """Compute the time of locked attempts, and update the attempts whose time changes."""
    ledgers = await list_ledgers(tx, locked)
    pairs = [(attempt, attempt.with_time(ledgers[attempt.attempt_id])) for attempt in locked]
    changed = [after for before, after in pairs if after != before]
    await attempts.update_attempts(tx, changed)
    for attempt in changed:
        if attempt.state is AttemptState.IN_PROGRESS:
            tx.record(events.attempt_time_changed(attempt))
