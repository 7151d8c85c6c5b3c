"""Raising, lowering and answering hands (`S9`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from google.protobuf.message import Message

from proctorium_common.ids import new_id
from proctorium_common.rpc.caller import Caller
from proctorium_common.storage import pages
from proctorium_common.storage.database import Database, Transaction
from proctorium_common.storage.idempotency import Responder
from proctorium_session.domain.hands import (
    HAND_PACE,
    HAND_STATES,
    Hand,
    HandAction,
    HandKind,
    HandState,
    no_hand,
    require_raisable,
)
from proctorium_session.domain.sessions import MemberRole, Session
from proctorium_session.events import supervision_events
from proctorium_session.operations.actors import has_supervising_role, supervise
from proctorium_session.operations.changes import RecordedEvent, save_change
from proctorium_session.operations.closing import end_if_due, lock_as_learner
from proctorium_session.storage import hands, participants, sessions

M = TypeVar("M", bound=Message)


async def raise_hand(
    database: Database,
    caller: Caller,
    session_id: UUID,
    kind: HandKind,
    responder: Responder[Hand, M],
) -> M:
    """Raise the caller's hand.

    Raises NOT_FOUND, SESSION_ENDED, SESSION_CANCELLED, PARTICIPANT_REMOVED, HAND_ALREADY_RAISED, TOO_MANY_HANDS.
    """

    async def run(tx: Transaction) -> Hand:
        person_id = caller.require_person()
        session, view = await lock_as_learner(tx, session_id, person_id)
        participant = view.participant
        if participant.hand is not None and participant.hand.kind is kind:
            return participant.hand
        require_raisable(session.state, participant.state, participant.hand)
        participant_id = participant.participant_id
        raised_at = await hands.list_raise_times(tx, participant_id, HAND_PACE.limit)
        HAND_PACE.require(raised_at, tx.now)
        hand = Hand(new_id(), session_id, participant_id, kind, HandState.RAISED, tx.now)
        await hands.insert_hand(tx, hand)
        await _save(tx, session, hand, supervision_events.hand_raised(hand, person_id), person_id)
        return hand

    return await database.respond(responder, run)


async def close_hand(
    database: Database,
    caller: Caller,
    hand_id: UUID,
    action: HandAction,
    responder: Responder[Hand, M],
) -> M:
    """Answer or lower a hand. Raises NOT_FOUND, NOT_YOUR_SESSION, INVALID_STATE_TRANSITION."""

    async def run(tx: Transaction) -> Hand:
        session, hand, role = await _lock(tx, caller, hand_id, action)
        target = HAND_STATES.target(hand.state, action)
        if target is None:
            return hand
        closed = replace(hand, state=target, closed_at=tx.now)
        await hands.update_hand(tx, closed)
        person_id = caller.require_person()
        event = (
            supervision_events.hand_answered
            if action is HandAction.ANSWER
            else supervision_events.hand_lowered
        )
        await _save(tx, session, closed, event(closed, person_id, role), person_id)
        return closed

    return await database.respond(responder, run)


async def list_hands(
    database: Database, caller: Caller, session_id: UUID, *, page_size: int, page_token: str
) -> tuple[Sequence[Hand], str]:
    """Return a page of the raised hands of a session, the longest waiting first, and the token of the next page.

    Raises NOT_YOUR_SESSION, NOT_FOUND, INVALID_PAGE_TOKEN.
    """
    name = f"hands:{session_id}"
    size = pages.effective_size(page_size)
    async with database.transaction() as tx:
        await supervise(tx, await sessions.get_session(tx, session_id), caller)
        tokens = await pages.tokens(tx)
        after = tokens.after(name, page_token, datetime, UUID)
        found = await hands.list_raised(tx, session_id, after=after, limit=size + 1)
    return tokens.cut(name, found, size, lambda each: (each.raised_at, each.hand_id))


async def _lock(
    tx: Transaction, caller: Caller, hand_id: UUID, action: HandAction
) -> tuple[Session, Hand, MemberRole]:
    found = await hands.get_hand(tx, hand_id)
    unknown = no_hand(supervises="proctor" in caller.roles and not caller.is_administrator)
    if found is None:
        raise unknown
    session = await sessions.lock_session(tx, found.session_id)
    assert session is not None, "sessions are never deleted"
    view = await participants.get_view(tx, found.session_id, found.participant_id)
    is_own = view is not None and view.participant.person_id == caller.require_person()
    role = MemberRole.LEARNER
    if not is_own or action is not HandAction.LOWER:
        if not has_supervising_role(caller):
            raise unknown
        _, actor = await supervise(tx, session, caller)
        role = MemberRole(actor.role)
    # The end of the session lowers the hand.
    session = await end_if_due(tx, session)
    hand = await hands.get_hand(tx, hand_id)
    assert hand is not None, "hands are never deleted"
    return session, hand, role


async def _save(
    tx: Transaction, session: Session, hand: Hand, event: Message, person_id: UUID
) -> None:
    await participants.update_revision(tx, [hand.participant_id], session.next_revision)
    await save_change(tx, session, [RecordedEvent(event, person_id, hand.participant_id)])
