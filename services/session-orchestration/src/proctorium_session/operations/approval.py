"""Admission and denial of learners who joined after the start and wait for approval (`S1`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar
from uuid import UUID

from google.protobuf.message import Message

from proctorium_common.rpc.caller import Caller
from proctorium_common.storage.database import Database, Transaction
from proctorium_common.storage.idempotency import Responder
from proctorium_session import events
from proctorium_session.domain.approval import approval_target, require_approvable
from proctorium_session.domain.outcomes import Outcome, ParticipantRefusal, outcomes_of
from proctorium_session.domain.participant_states import ParticipantAction, ParticipantState
from proctorium_session.domain.participants import ParticipantView
from proctorium_session.domain.sessions import Actor, Session
from proctorium_session.operations.actors import lock_supervised
from proctorium_session.operations.changes import RecordedEvent, save_change
from proctorium_session.operations.supervision import BulkResult
from proctorium_session.storage import participants

M = TypeVar("M", bound=Message)


async def admit(
    database: Database,
    caller: Caller,
    session_id: UUID,
    participant_ids: Sequence[UUID],
    responder: Responder[BulkResult, M],
) -> M:
    """Admit participants who wait for approval or were denied.

    Raises NOT_YOUR_SESSION, NOT_FOUND, INVALID_STATE_TRANSITION, SESSION_CLOSING.
    """

    async def run(tx: Transaction) -> BulkResult:
        session, actor = await lock_supervised(tx, session_id, caller)
        return await _decide(
            tx, session, actor, participant_ids, ParticipantAction.APPROVE, reason=""
        )

    return await database.respond(responder, run)


async def deny(
    database: Database,
    caller: Caller,
    session_id: UUID,
    participant_ids: Sequence[UUID],
    reason: str,
    responder: Responder[BulkResult, M],
) -> M:
    """Deny the entry of participants who wait for approval, with a reason that they can read.

    Raises NOT_YOUR_SESSION, NOT_FOUND, INVALID_STATE_TRANSITION, SESSION_CLOSING.
    """

    async def run(tx: Transaction) -> BulkResult:
        session, actor = await lock_supervised(tx, session_id, caller)
        return await _decide(tx, session, actor, participant_ids, ParticipantAction.DENY, reason)

    return await database.respond(responder, run)


async def _decide(
    tx: Transaction,
    session: Session,
    actor: Actor,
    participant_ids: Sequence[UUID],
    action: ParticipantAction,
    reason: str,
) -> BulkResult:
    require_approvable(session, action)
    views = await participants.list_views(tx, session.session_id, only=participant_ids)
    changed: list[ParticipantView] = []

    def change(view: ParticipantView) -> Outcome:
        target = approval_target(view.participant.state, action)
        if isinstance(target, ParticipantRefusal) or target is view.participant.state:
            return view if isinstance(target, ParticipantState) else target
        view = _with_state(tx, session, view, target, reason)
        changed.append(view)
        return view

    outcomes = outcomes_of(participant_ids, views, change)
    return BulkResult(await _save(tx, session, actor, changed), outcomes)


def _with_state(
    tx: Transaction, session: Session, view: ParticipantView, state: ParticipantState, reason: str
) -> ParticipantView:
    entered_time = tx.now if state is ParticipantState.IN_SESSION else None
    changed = replace(
        view.participant,
        state=state,
        entered_time=entered_time,
        denial_reason=reason,
        revision=session.next_revision,
    )
    return replace(view, participant=changed)


async def _save(
    tx: Transaction, session: Session, actor: Actor, changed: Sequence[ParticipantView]
) -> Session:
    """Save the changed participants, who all have the same new state. If there are none, nothing changes."""
    if not changed:
        return session
    first = changed[0].participant
    ids = [view.participant.participant_id for view in changed]
    await participants.set_approval(
        tx, ids, first.state, first.denial_reason, session.next_revision
    )
    recorded = [
        RecordedEvent(
            events.participant_admitted(session, view.participant, actor, tx.now)
            if first.state is ParticipantState.IN_SESSION
            else events.participant_denied(view.participant, actor, tx.now),
            actor.person_id,
            view.participant.participant_id,
        )
        for view in changed
    ]
    return await save_change(tx, session, recorded)
