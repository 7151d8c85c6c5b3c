"""Requests of proctors for identity checks in sessions whose policy requires none (`S2`, `I1`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar
from uuid import UUID

from google.protobuf.message import Message

from proctorium_common.rpc.caller import Caller
from proctorium_common.storage.database import Database, Transaction
from proctorium_common.storage.idempotency import Responder
from proctorium_session.domain.identity import IdentityState
from proctorium_session.domain.identity_checks import check_refusal, require_checkable
from proctorium_session.domain.outcomes import Outcome, outcomes_of
from proctorium_session.domain.participants import Participant, ParticipantView
from proctorium_session.events import participant_events
from proctorium_session.operations.changes import RecordedEvent, save_change
from proctorium_session.operations.closing import lock_current
from proctorium_session.operations.supervision import BulkResult
from proctorium_session.storage import participants

M = TypeVar("M", bound=Message)


async def request_identity_check(
    database: Database,
    caller: Caller,
    session_id: UUID,
    participant_ids: Sequence[UUID],
    reason: str,
    responder: Responder[BulkResult, M],
) -> M:
    """Request an identity check from participants. If a check is already requested or undecided, nothing changes.

    The check blocks neither the clock nor the answers. Raises NOT_YOUR_SESSION, NOT_FOUND, INVALID_STATE_TRANSITION.
    """

    async def run(tx: Transaction) -> BulkResult:
        session, actor = await lock_current(tx, session_id, caller)
        require_checkable(session)
        views = await participants.list_views(tx, session_id, only=participant_ids)
        requested: list[Participant] = []

        def change(view: ParticipantView) -> Outcome:
            refused = check_refusal(view)
            if refused is not None or view.participant.identity is not IdentityState.NOT_REQUIRED:
                return refused or view
            changed = replace(
                view.participant,
                identity=IdentityState.REQUESTED,
                identity_check_reason=reason,
                revision=session.next_revision,
            )
            requested.append(changed)
            return replace(view, participant=changed)

        outcomes = outcomes_of(participant_ids, views, change)
        if requested:
            ids = [each.participant_id for each in requested]
            await participants.request_identity_check(tx, ids, reason, session.next_revision)
            recorded = [
                RecordedEvent(
                    participant_events.participant_identity_check_requested(each, actor, tx.now),
                    actor.person_id,
                    each.participant_id,
                )
                for each in requested
            ]
            session = await save_change(tx, session, recorded)
        return BulkResult(session, outcomes)

    return await database.respond(responder, run)
