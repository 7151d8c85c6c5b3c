"""Continuing attempts after a session was reopened, or after its end for a participant was undone.

The module also releases results when the proctors can no longer reopen the session.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

from proctorium_assessment import events
from proctorium_assessment.domain.attempts import Attempt, AttemptState, SubmitCause
from proctorium_assessment.operations.ledgers import list_ledgers
from proctorium_assessment.operations.scoring import score_settled_attempts
from proctorium_assessment.operations.time_events import submit_again, update_time
from proctorium_assessment.storage import answers, attempts, sessions, time_events
from proctorium_assessment.storage.time_events import Reopening
from proctorium_common.storage.database import Transaction

_CAUSES_OF_SESSION = frozenset({SubmitCause.SESSION_ENDED, SubmitCause.REMOVED})
"""The causes of submissions that the end of a session can have."""

_CAUSES_OF_PARTICIPANT = frozenset({SubmitCause.ENDED_BY_PROCTOR, SubmitCause.REMOVED})
"""The causes of submissions that the end of a session for a participant can have."""


async def reopen_session(tx: Transaction, reopening: Reopening, *, position: int) -> None:
    """Continue the attempts that the end of the session closed.

    The clocks were stopped from the end to the reopening. Attempts that are scored, and attempts of participants for
    whom the session was ended earlier, do not change. If `position` shows that a later end is stored, only the
    clocks are computed again.
    """
    session_id = reopening.session_id
    await sessions.lock_session(tx, session_id)
    await time_events.insert_reopening(tx, reopening)
    if await sessions.clear_end(tx, session_id, position=position):
        closed = await attempts.lock_closed_attempts(tx, _CAUSES_OF_SESSION, session_id=session_id)
        participants = {each.participant_id for each in closed if each.participant_id is not None}
        ended_ids = await sessions.list_ended_ids(tx, participants)
        await _continue(tx, [each for each in closed if each.participant_id not in ended_ids])
    await update_time(tx, await attempts.lock_timed_attempts(tx, session_id=session_id))


async def undo_end(tx: Transaction, reopening: Reopening, *, position: int) -> None:
    """Continue the attempts of a participant for whom the end of the session was undone.

    If the session has ended in the meantime, the attempts in progress are submitted again, and voided attempts stay
    voided. If `position` shows that a later end for the participant is stored, only the clocks are computed again.
    """
    participant_id = reopening.participant_id
    assert participant_id is not None, "an end for a participant was undone"
    ended_at = await sessions.lock_session(tx, reopening.session_id)
    await time_events.insert_reopening(tx, reopening)
    if await sessions.upsert_ended_participant(tx, participant_id, False, position=position):
        closed = await attempts.lock_closed_attempts(
            tx, _CAUSES_OF_PARTICIPANT, participant_id=participant_id
        )
        is_over = ended_at is not None
        continued = await _continue(
            tx, [each for each in closed if not (is_over and each.state is AttemptState.VOIDED)]
        )
        await submit_again(tx, continued)
    await update_time(tx, await attempts.lock_timed_attempts(tx, participant_id=participant_id))


async def finalize_session(tx: Transaction, session_id: UUID, *, position: int) -> None:
    """Score the attempts of a session that its proctors can no longer reopen, if the session is settled."""
    await sessions.lock_session(tx, session_id)
    await sessions.end_hold(tx, session_id, position=position)
    await score_settled_attempts(tx, session_id)


async def _continue(tx: Transaction, closed: Sequence[Attempt]) -> Sequence[Attempt]:
    """Restore voided attempts, and reopen submitted attempts. Return the changed attempts."""
    ledgers = await list_ledgers(tx, closed)
    continued = [
        (each.restore() if each.state is AttemptState.VOIDED else each.reopen()).with_time(
            ledgers[each.attempt_id]
        )
        for each in closed
    ]
    await attempts.update_attempts(tx, continued)
    await _count_late_answers(tx, continued)
    for attempt in continued:
        if attempt.state is AttemptState.IN_PROGRESS:
            tx.record(events.attempt_reopened(attempt))
            tx.record(events.attempt_time_changed(attempt))
        else:
            tx.record(events.attempt_restored(attempt))
    return continued


async def _count_late_answers(tx: Transaction, continued: Collection[Attempt]) -> None:
    """Count the late answers that were received after the reopening, but before its event was handled."""
    deadlines = {each.attempt_id: each.deadline_at for each in continued}
    await answers.count_late_revisions(
        tx, {each: deadline for each, deadline in deadlines.items() if deadline is not None}
    )
