"""Saving of decisions about the returns of learners from outages (`A7`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from proctorium_common.storage.database import Transaction
from proctorium_session.domain.outages import ReturnRequest
from proctorium_session.domain.participants import Participant
from proctorium_session.domain.sessions import Actor, Session
from proctorium_session.events import participant_events
from proctorium_session.operations.changes import RecordedEvent
from proctorium_session.storage import outages, participants


@dataclass(frozen=True, slots=True)
class ReturnDecision:
    """A participant after a decision about their return, and the request before it."""

    participant: Participant
    request: ReturnRequest


async def save_returns(
    tx: Transaction,
    session: Session,
    actor: Actor,
    decided: Sequence[ReturnDecision],
    denial_reason: str = "",
) -> list[RecordedEvent]:
    """Save decisions about returns, and return the events. Without a reason, the participants are let back in."""
    if not decided:
        return []
    request_ids = [each.request.request_id for each in decided]
    if denial_reason:
        await outages.deny_returns(tx, request_ids, denial_reason, actor)
    else:
        await outages.admit_returns(tx, request_ids, tx.now, actor)
    ids = [each.participant.participant_id for each in decided]
    await participants.update_revision(tx, ids, session.next_revision)
    return [
        RecordedEvent(
            participant_events.participant_return_denied(
                each.participant, each.request, actor, tx.now
            )
            if denial_reason
            else participant_events.participant_return_admitted(
                each.participant, each.request, actor, max(tx.now, each.request.requested_at)
            ),
            actor.person_id,
            each.participant.participant_id,
        )
        for each in decided
    ]
