"""Requesting, deciding, starting and ending breaks (`S10`).

The policy of the session and the accommodations of the learner limit the breaks. Every change locks the session's row,
so that concurrent requests cannot exceed the limits.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

from google.protobuf.message import Message

from proctorium_common.ids import new_id
from proctorium_common.rpc.caller import Caller
from proctorium_common.storage import pages
from proctorium_common.storage.database import Database, Transaction
from proctorium_common.storage.idempotency import Responder
from proctorium_session.domain.breaks import (
    BREAK_PACE,
    BREAK_STATES,
    Break,
    BreakAction,
    BreakState,
    after_close,
    no_break,
    require_length,
    require_requestable,
)
from proctorium_session.domain.closing import session_closing
from proctorium_session.domain.participants import ParticipantView
from proctorium_session.domain.session_states import SessionState
from proctorium_session.domain.sessions import Session
from proctorium_session.events import supervision_events
from proctorium_session.operations.actors import supervise
from proctorium_session.operations.changes import SYSTEM_ACTOR, RecordedEvent, save_change
from proctorium_session.operations.closing import end_if_due, lock_as_learner
from proctorium_session.operations.isolation import change_each
from proctorium_session.operations.open_requests import CLOSE_EVENTS
from proctorium_session.storage import breaks, participants, sessions

M = TypeVar("M", bound=Message)

_MAX_OVERRUNS = 100
"""The maximum number of overruns that one run of the worker records."""


@dataclass(frozen=True, slots=True)
class BreakDecision:
    """The decision about a requested break: the granted length, or the reason for the refusal if the length is None."""

    length: timedelta | None
    refusal_reason: str = ""

    @property
    def action(self) -> BreakAction:
        """The action that the decision performs."""
        return BreakAction.REFUSE if self.length is None else BreakAction.GRANT


async def request_break(
    database: Database, caller: Caller, session_id: UUID, responder: Responder[Break, M]
) -> M:
    """Request a break for the caller.

    Raises NOT_FOUND, SESSION_CLOSING, SESSION_ENDED, SESSION_CANCELLED, PARTICIPANT_REMOVED,
    PARTICIPANT_NOT_IN_SESSION, BREAK_ALREADY_OPEN, BREAKS_EXHAUSTED, TOO_MANY_BREAK_REQUESTS.
    """

    async def run(tx: Transaction) -> Break:
        person_id = caller.require_person()
        session, view = await lock_as_learner(tx, session_id, person_id)
        if session.state is SessionState.CLOSING:
            raise session_closing(session)
        participant = view.participant
        require_requestable(
            session.state, participant.state, session.plan.break_policy, participant.breaks
        )
        participant_id = participant.participant_id
        requested_at = await breaks.list_request_times(tx, participant_id, BREAK_PACE.limit)
        BREAK_PACE.require(requested_at, tx.now)
        new = Break(new_id(), session_id, participant_id, BreakState.REQUESTED, tx.now)
        await breaks.insert_break(tx, new)
        await _save(tx, session, new, supervision_events.break_requested(new, person_id), person_id)
        return new

    return await database.respond(responder, run)


async def decide_break(
    database: Database,
    caller: Caller,
    break_id: UUID,
    decision: BreakDecision,
    responder: Responder[Break, M],
) -> M:
    """Grant or refuse a requested break.

    Raises NOT_YOUR_SESSION, NOT_FOUND, INVALID_STATE_TRANSITION, BREAKS_EXHAUSTED, BREAK_LENGTH_EXCEEDED.
    """

    async def run(tx: Transaction) -> Break:
        session, old, view = await _lock(tx, break_id, supervises=not caller.is_administrator)
        _, actor = await supervise(tx, session, caller)
        session, old = await _current(tx, session, old)
        target = BREAK_STATES.target(old.state, decision.action)
        if target is None:
            return old
        decided = replace(
            old, state=target, length=decision.length, refusal_reason=decision.refusal_reason
        )
        if decision.length is None:
            decided = replace(decided, closed_at=tx.now)
            event: Message = supervision_events.break_refused(decided, actor)
        else:
            require_length(session.plan.break_policy, view.participant.breaks, decision.length)
            event = supervision_events.break_granted(decided, actor, tx.now)
        await breaks.update_break(tx, decided)
        await _save(tx, session, decided, event, actor.person_id)
        return decided

    return await database.respond(responder, run)


async def start_break(
    database: Database, caller: Caller, break_id: UUID, responder: Responder[Break, M]
) -> M:
    """Start the caller's granted break. Raises NOT_FOUND, INVALID_STATE_TRANSITION."""

    async def run(tx: Transaction) -> Break:
        session, old = await _lock_own(tx, caller, break_id)
        target = BREAK_STATES.target(old.state, BreakAction.START)
        if target is None:
            return old
        started = replace(old, state=target, started_at=tx.now)
        await breaks.update_break(tx, started)
        person_id = caller.require_person()
        event = supervision_events.break_started(session, started, person_id)
        await _save(tx, session, started, event, person_id)
        return started

    return await database.respond(responder, run)


async def close_break(
    database: Database,
    caller: Caller,
    break_id: UUID,
    action: BreakAction,
    responder: Responder[Break, M],
) -> M:
    """End the caller's started break, or cancel the caller's break before its start.

    `action` is RETURN or CANCEL. Raises NOT_FOUND, INVALID_STATE_TRANSITION.
    """

    async def run(tx: Transaction) -> Break:
        session, old = await _lock_own(tx, caller, break_id)
        if BREAK_STATES.target(old.state, action) is None:
            return old
        closed = after_close(old, action, tx.now)
        await breaks.update_break(tx, closed)
        person_id = caller.require_person()
        await _save(tx, session, closed, CLOSE_EVENTS[action](closed, person_id), person_id)
        return closed

    return await database.respond(responder, run)


async def list_breaks(
    database: Database,
    caller: Caller,
    session_id: UUID,
    *,
    open_only: bool,
    page_size: int,
    page_token: str,
) -> tuple[Sequence[Break], str]:
    """Return a page of the breaks of a session, in the order of their requests, and the token of the next page.

    Raises NOT_YOUR_SESSION, NOT_FOUND, INVALID_PAGE_TOKEN.
    """
    name = f"breaks:{session_id}:{open_only}"
    size = pages.effective_size(page_size)
    async with database.transaction() as tx:
        await supervise(tx, await sessions.get_session(tx, session_id), caller)
        tokens = await pages.tokens(tx)
        after = tokens.after(name, page_token, datetime, UUID)
        found = await breaks.list_breaks(
            tx, session_id, open_only=open_only, after=after, limit=size + 1
        )
    return tokens.cut(name, found, size, lambda each: (each.requested_at, each.break_id))


async def record_overruns(database: Database) -> int:
    """Record the overruns of breaks, each in its own transaction. Return the number of these breaks.

    Each overrun is recorded once, because the break is read again after the session's row is locked. The failure of one
    break does not stop the others. Raises an ExceptionGroup after the last break.
    """

    async def list_due(tx: Transaction, tried: Collection[UUID]) -> Sequence[UUID]:
        overrun = await breaks.list_overrun(tx, tried, _MAX_OVERRUNS)
        return [each.break_id for each in overrun]

    return await change_each(database, list_due, _record_overrun)


async def _record_overrun(tx: Transaction, break_id: UUID) -> bool:
    session, current, view = await _lock(tx, break_id)
    if current.state is not BreakState.STARTED or current.overrun_at is not None:
        return False
    marked = replace(current, overrun_at=tx.now)
    await breaks.update_break(tx, marked)
    event = supervision_events.break_overrun(marked, view.participant.person_id)
    await _save(tx, session, marked, event, SYSTEM_ACTOR)
    return True


async def update_allowance(
    tx: Transaction, person_id: UUID, revision: int, extra: timedelta
) -> None:
    """Store the extra break time of a person, and show it in the person's sessions that are not over.

    If this or a newer revision is already stored, nothing changes.
    """
    if not await breaks.upsert_allowance(tx, person_id, revision, extra):
        return
    live = await breaks.list_live_session_ids(tx, person_id)
    for session in (await sessions.lock_sessions(tx, live)).values():
        view = await participants.get_view_of_person(tx, session.session_id, person_id)
        assert view is not None, "participants are never deleted"
        await participants.update_revision(
            tx, [view.participant.participant_id], session.next_revision
        )
        await save_change(tx, session)


async def _lock(
    tx: Transaction, break_id: UUID, *, supervises: bool = False
) -> tuple[Session, Break, ParticipantView]:
    """Lock the session of a break, and return the session, the break and its participant.

    Raises the error of `no_break`.
    """
    found = await breaks.get_break(tx, break_id)
    if found is None:
        raise no_break(supervises=supervises)
    session = await sessions.lock_session(tx, found.session_id)
    current = await breaks.get_break(tx, break_id)
    view = await participants.get_view(tx, found.session_id, found.participant_id)
    assert session is not None, "sessions are never deleted"
    assert current is not None, "breaks are never deleted"
    assert view is not None, "participants are never deleted"
    return session, current, view


async def _lock_own(tx: Transaction, caller: Caller, break_id: UUID) -> tuple[Session, Break]:
    session, current, view = await _lock(tx, break_id)
    if view.participant.person_id != caller.require_person():
        raise no_break(supervises=False)
    return await _current(tx, session, current)


async def _current(tx: Transaction, session: Session, before: Break) -> tuple[Session, Break]:
    """Return the locked session and the break. If the session's countdown is over, end the session first.

    The end of the session closes the break.
    """
    session = await end_if_due(tx, session)
    after = await breaks.get_break(tx, before.break_id)
    assert after is not None, "breaks are never deleted"
    return session, after


async def _save(
    tx: Transaction, session: Session, changed: Break, event: Message, actor: UUID | str
) -> None:
    await participants.update_revision(tx, [changed.participant_id], session.next_revision)
    await save_change(tx, session, [RecordedEvent(event, actor, changed.participant_id)])
