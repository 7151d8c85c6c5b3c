"""Pauses, extra time and accommodations, which change the clocks of attempts.

The events may arrive late, repeatedly and in any order. The time of an event is the time of its command or its outage,
not the time at which the event arrived. An accommodation that arrives after the start of an attempt can extend the
attempt, but never shortens it. An event that moves the deadline of a provisional attempt beyond its submission reopens
the attempt.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from proctorium_assessment import events
from proctorium_assessment.domain.attempts import Attempt, AttemptState, SubmitCause
from proctorium_assessment.domain.time_ledger import LedgerEntry
from proctorium_assessment.operations.ledgers import list_ledgers
from proctorium_assessment.operations.stops import record_changes_during_stop
from proctorium_assessment.operations.submission import submit_attempts
from proctorium_assessment.storage import accommodations, answers, attempts, sessions, time_events
from proctorium_common.storage.database import Transaction


async def add_entry(
    tx: Transaction, session_id: UUID, participant_id: UUID | None, entry: LedgerEntry
) -> None:
    """Store an entry, and compute the time of the open and provisional attempts that the entry concerns.

    If `participant_id` is None, the entry concerns all participants of the session, including participants who join
    later. The session's row is locked first, so that no attempt is created without the entry.
    """
    await sessions.lock_session(tx, session_id)
    if not await time_events.insert_entry(tx, session_id, participant_id, entry):
        return
    locked = await (
        attempts.lock_timed_attempts(tx, session_id=session_id)
        if participant_id is None
        else attempts.lock_timed_attempts(tx, participant_id=participant_id)
    )
    await update_time(tx, locked)
    if ended := await time_events.get_ended_stop(tx, entry.entry_id):
        await record_changes_during_stop(tx, locked, *ended)


async def add_accommodation(
    tx: Transaction, person_id: UUID, revision: int, entry: LedgerEntry
) -> None:
    """Store a revision of a person's accommodations, and compute the time of the person's attempts.

    The time of the open and of the provisional attempts is computed. The start of an attempt locks the attempt's row
    before it reads the ledger. Therefore an attempt that is started concurrently also has the new accommodations. A
    session whose attempt may be reopened is locked, so that its end cannot miss the attempt.
    """
    if not await accommodations.insert_entry(tx, person_id, revision, entry):
        return
    for session_id in await attempts.list_provisional_session_ids(tx, person_id):
        await sessions.lock_session(tx, session_id)
    await update_time(tx, await attempts.lock_timed_attempts(tx, person_id=person_id))


async def update_time(tx: Transaction, locked: Sequence[Attempt]) -> None:
    """Compute the time of locked attempts, and update the attempts whose time changes.

    A provisional attempt of a participant for whom a proctor ended the session stays submitted.
    """
    provisional = [each.participant_id for each in locked if each.is_provisional]
    ended_ids = await sessions.list_ended_ids(tx, [each for each in provisional if each])
    locked = [each for each in locked if each.participant_id not in ended_ids]
    ledgers = await list_ledgers(tx, locked)
    pairs = [(attempt, attempt.with_time(ledgers[attempt.attempt_id])) for attempt in locked]
    changed = [(before, after) for before, after in pairs if after != before]
    await attempts.update_attempts(tx, [after for _, after in changed])
    # Late answers of an attempt without a deadline are counted when the clock runs again, or when it is submitted.
    deadlines = {after.attempt_id: after.deadline_at for _, after in changed}
    known = {each: deadline for each, deadline in deadlines.items() if deadline is not None}
    await answers.count_late_revisions(tx, known)
    for before, after in changed:
        if before.is_provisional:
            tx.record(events.attempt_reopened(after))
        if after.state is AttemptState.IN_PROGRESS:
            tx.record(events.attempt_time_changed(after))
    await submit_again(tx, [after for before, after in changed if before.is_provisional])


async def submit_again(tx: Transaction, reopened: Sequence[Attempt]) -> None:
    """Submit the reopened attempts again if their session has ended in the meantime."""
    session_ids = {each.session_id for each in reopened if each.session_id is not None}
    for session_id, ended_at in (await sessions.get_ends_of_sessions(tx, session_ids)).items():
        for cause in (SubmitCause.SESSION_ENDED, SubmitCause.TIME_LIMIT_EXCEEDED):
            over = [
                attempt
                for attempt in reopened
                if attempt.session_id == session_id and _end_cause(attempt, ended_at) is cause
            ]
            await submit_attempts(tx, over, cause, ended_at)


def _end_cause(attempt: Attempt, ended_at: datetime) -> SubmitCause:
    """Return the cause of the submission of an attempt whose session ended at `ended_at`."""
    if attempt.deadline_at is not None and attempt.deadline_at <= ended_at:
        return SubmitCause.TIME_LIMIT_EXCEEDED
    return SubmitCause.SESSION_ENDED
