"""Admission and denial of learners who joined after the start (`S1`), or returned from an outage (`A7`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar
from uuid import UUID

from google.protobuf.message import Message

from proctorium_common.rpc.caller import Caller
from proctorium_common.storage.database import Database, Transaction
from proctorium_common.storage.idempotency import Responder
from proctorium_session.domain.approval import CLOSING, approval_target, require_approvable
from proctorium_session.domain.outages import ReturnRequest
from proctorium_session.domain.outcomes import Outcome, ParticipantRefusal, outcomes_of
from proctorium_session.domain.participant_states import ParticipantAction, ParticipantState
from proctorium_session.domain.participants import ParticipantView
from proctorium_session.domain.session_states import SessionState
from proctorium_session.domain.sessions import Actor, Session
from proctorium_session.events import participant_events
from proctorium_session.operations.changes import RecordedEvent, save_change
from proctorium_session.operations.closing import lock_current
from proctorium_session.operations.returns import ReturnDecision, save_returns
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
    """Admit participants who wait for approval or were denied, and let participants back in after outages.

    Raises NOT_YOUR_SESSION, NOT_FOUND, INVALID_STATE_TRANSITION, SESSION_CLOSING.
    """

    async def run(tx: Transaction) -> BulkResult:
        session, actor = await lock_current(tx, session_id, caller)
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
    """Deny the entry or the return of participants who wait for approval, with a reason that they can read.

    Raises NOT_YOUR_SESSION, NOT_FOUND, INVALID_STATE_TRANSITION, SESSION_CLOSING.
    """

    async def run(tx: Transaction) -> BulkResult:
        session, actor = await lock_current(tx, session_id, caller)
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
    views = await participants.list_views(tx, session.session_id, only=participant_ids)
    has_returns = session.state.is_running and any(map(_is_returning, views))
    if not has_returns:
        require_approvable(session, action)
    changed: list[ParticipantView] = []
    returned: list[ReturnDecision] = []

    def change(view: ParticipantView) -> Outcome:
        request = view.participant.return_request
        if request is not None and _is_returning(view):
            view, decided = _after_return(view, session, request, action, reason)
            if decided:
                returned.append(ReturnDecision(view.participant, request))
            return view
        if session.state is SessionState.CLOSING:
            return CLOSING
        target = approval_target(view.participant.state, action)
        if isinstance(target, ParticipantRefusal) or target is view.participant.state:
            return view if isinstance(target, ParticipantState) else target
        view = _with_state(tx, session, view, target, reason)
        changed.append(view)
        return view

    outcomes = outcomes_of(participant_ids, views, change)
    recorded = await _save_entries(tx, session, actor, changed)
    recorded += await save_returns(tx, session, actor, returned, reason)
    if recorded:
        session = await save_change(tx, session, recorded)
    return BulkResult(session, outcomes)


def _is_returning(view: ParticipantView) -> bool:
    participant = view.participant
    is_in_session = participant.state is ParticipantState.IN_SESSION
    return is_in_session and participant.return_request is not None


def _after_return(
    view: ParticipantView,
    session: Session,
    request: ReturnRequest,
    action: ParticipantAction,
    reason: str,
) -> tuple[ParticipantView, bool]:
    """Return the participant after the decision about a return, and whether the decision changes anything."""
    if action is ParticipantAction.DENY and request.denial_reason:
        return view, False
    left = replace(request, denial_reason=reason) if action is ParticipantAction.DENY else None
    changed = replace(view.participant, return_request=left, revision=session.next_revision)
    return replace(view, participant=changed), True


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


async def _save_entries(
    tx: Transaction, session: Session, actor: Actor, changed: Sequence[ParticipantView]
) -> list[RecordedEvent]:
    """Save participants who were all admitted or all denied, and return the events."""
    if not changed:
        return []
    first = changed[0].participant
    ids = [view.participant.participant_id for view in changed]
    await participants.set_approval(
        tx, ids, first.state, first.denial_reason, session.next_revision
    )
    return [
        RecordedEvent(
            participant_events.participant_admitted(session, view.participant, actor, tx.now)
            if first.state is ParticipantState.IN_SESSION
            else participant_events.participant_denied(view.participant, actor, tx.now),
            actor.person_id,
            view.participant.participant_id,
        )
        for view in changed
    ]
