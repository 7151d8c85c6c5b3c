"""Granting extra time to participants, and taking it back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TypeVar
from uuid import UUID

from google.protobuf.message import Message

from proctorium_common.ids import new_id
from proctorium_common.rpc.caller import Caller
from proctorium_common.storage.database import Database, Transaction
from proctorium_common.storage.idempotency import Responder
from proctorium_session.domain.extra_time import (
    ExtraTimeGrant,
    extra_time_refusal,
    is_present,
    require_open_for_extra_time,
)
from proctorium_session.domain.outcomes import Outcome, outcomes_of
from proctorium_session.domain.participants import ParticipantView
from proctorium_session.domain.sessions import Session
from proctorium_session.events import participant_events
from proctorium_session.operations.changes import RecordedEvent, save_change
from proctorium_session.operations.closing import lock_current
from proctorium_session.operations.supervision import BulkResult
from proctorium_session.storage import extra_time, participants

M = TypeVar("M", bound=Message)


@dataclass(frozen=True, slots=True)
class ExtraTime:
    """The amount of a request for extra time, and the reason, which the learners can read."""

    amount: timedelta
    reason: str


async def grant(
    database: Database,
    caller: Caller,
    session_id: UUID,
    participant_ids: Sequence[UUID],
    extra: ExtraTime,
    responder: Responder[BulkResult, M],
) -> M:
    """Grant extra time to participants, or take it back if the amount is negative.

    If `participant_ids` is empty, the request concerns everybody for whom the session is not over. Raises
    NOT_YOUR_SESSION, NOT_FOUND, INVALID_STATE_TRANSITION.
    """

    async def run(tx: Transaction) -> BulkResult:
        session, actor = await lock_current(tx, session_id, caller)
        require_open_for_extra_time(session)
        views = [
            view
            for view in await participants.list_views(tx, session_id, only=participant_ids)
            if participant_ids or is_present(view)
        ]
        grants: list[ExtraTimeGrant] = []
        recorded: list[RecordedEvent] = []

        def change(view: ParticipantView) -> Outcome:
            refused = extra_time_refusal(view, extra.amount)
            if refused is not None:
                return refused
            participant_id = view.participant.participant_id
            new = ExtraTimeGrant(
                new_id(), session_id, participant_id, extra.amount, extra.reason, tx.now, actor
            )
            grants.append(new)
            view = _with_grant(view, new, session)
            event = participant_events.participant_extra_time_granted(view.participant, new)
            recorded.append(RecordedEvent(event, actor.person_id, participant_id))
            return view

        outcomes = outcomes_of(participant_ids, views, change)
        return BulkResult(await _save(tx, session, grants, recorded), outcomes)

    return await database.respond(responder, run)


def _with_grant(view: ParticipantView, new: ExtraTimeGrant, session: Session) -> ParticipantView:
    changed = replace(
        view.participant,
        extra_time=view.participant.extra_time + new.amount,
        extra_time_reason=new.reason,
        revision=session.next_revision,
    )
    return replace(view, participant=changed)


async def _save(
    tx: Transaction,
    session: Session,
    grants: Sequence[ExtraTimeGrant],
    recorded: Sequence[RecordedEvent],
) -> Session:
    """Save grants of extra time. If there are none, nothing changes."""
    if not grants:
        return session
    await extra_time.insert_grants(tx, grants)
    ids = [each.participant_id for each in grants]
    await participants.update_revision(tx, ids, session.next_revision)
    return await save_change(tx, session, recorded)
