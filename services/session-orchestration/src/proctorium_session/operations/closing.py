"""Closing and ending sessions, by a person or automatically (`S3`)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from google.protobuf.message import Message

from proctorium_common.events.envelope import name_of
from proctorium_common.rpc.caller import Caller
from proctorium_common.storage.database import Database, Transaction
from proctorium_common.storage.idempotency import Responder
from proctorium_session.domain.closing import AutomaticStep, automatic_step, ending_action
from proctorium_session.domain.errors import no_session
from proctorium_session.domain.participant_states import (
    PARTICIPANT_STATES,
    ParticipantAction,
    ParticipantState,
)
from proctorium_session.domain.participants import Participant, ParticipantView, end_action
from proctorium_session.domain.session_states import SessionAction, SessionState
from proctorium_session.domain.sessions import Actor, Session, VisibleSession, apply_action
from proctorium_session.events import participant_events, session_events
from proctorium_session.operations.actors import lock_supervised
from proctorium_session.operations.changes import SYSTEM_ACTOR, RecordedEvent, save_change
from proctorium_session.operations.isolation import change_each
from proctorium_session.operations.open_requests import close_breaks, lower_hands
from proctorium_session.operations.queries import with_learners
from proctorium_session.storage import closing, participants, record, sessions

M = TypeVar("M", bound=Message)

_MAX_SESSIONS = 100
"""The maximum number of sessions that are listed at once, to end or to close them."""


async def lock_current(tx: Transaction, session_id: UUID, caller: Caller) -> tuple[Session, Actor]:
    """Lock the session as `lock_supervised` does. If its countdown is over, end the session first.

    Without this, a command that arrives before the worker has run would still change a session whose end was reached.
    If the command is refused because the session is over, the end is rolled back, and the worker ends the session.
    Raises NOT_YOUR_SESSION, NOT_FOUND.
    """
    session, actor = await lock_supervised(tx, session_id, caller)
    return await end_if_due(tx, session), actor


async def lock_as_learner(
    tx: Transaction, session_id: UUID, person_id: UUID
) -> tuple[Session, ParticipantView]:
    """Lock the session, and return it with the participant of this person. End the session as `lock_current` does.

    Raises NOT_FOUND.
    """
    session = await sessions.lock_session(tx, session_id)
    view = await participants.get_view_of_person(tx, session_id, person_id)
    if session is None or view is None:
        raise no_session()
    current = await end_if_due(tx, session)
    if current is not session:
        view = await participants.get_view_of_person(tx, session_id, person_id)
        assert view is not None, "participants are never deleted"
    return current, view


async def end_if_due(tx: Transaction, session: Session) -> Session:
    """End the session if its countdown is over. Return the session. The caller has locked the session's row.

    The session ends at the stored time, not at the time of this call. An automatic closing is cancelled if an attempt
    is paused or received a later deadline during the countdown.
    """
    due = session.closing
    if due is None or tx.now < due.end_at:
        return session
    if due.actor is None:
        open_times = await closing.list_open_times(tx, session.session_id)
        if automatic_step(open_times, due.end_at) is not AutomaticStep.CLOSE:
            return await _cancel(tx, session, None)
    return await _end(tx, session, due.end_at, due.actor)


async def end(
    database: Database,
    caller: Caller,
    session_id: UUID,
    responder: Responder[VisibleSession, M],
    *,
    end_now: bool,
) -> M:
    """End a session, after the countdown of its plan unless `end_now` is true.

    Raises NOT_YOUR_SESSION, NOT_FOUND, INVALID_STATE_TRANSITION.
    """

    async def run(tx: Transaction) -> VisibleSession:
        session, actor = await lock_current(tx, session_id, caller)
        match ending_action(session, end_now=end_now):
            case SessionAction.CLOSE:
                session = await _close(tx, session, actor)
            case SessionAction.END:
                session = await _end(tx, session, tx.now, actor)
        return await with_learners(tx, session)

    return await database.respond(responder, run)


async def cancel_closing(
    database: Database, caller: Caller, session_id: UUID, responder: Responder[VisibleSession, M]
) -> M:
    """Cancel the closing of a session. Raises NOT_YOUR_SESSION, NOT_FOUND, INVALID_STATE_TRANSITION."""

    async def run(tx: Transaction) -> VisibleSession:
        session, actor = await lock_current(tx, session_id, caller)
        return await with_learners(tx, await _cancel(tx, session, actor))

    return await database.respond(responder, run)


async def end_closed_sessions(database: Database) -> int:
    """End the sessions whose countdown is over, each in its own transaction. Return the number of changed sessions.

    The failure of one session does not stop the others. Raises an ExceptionGroup after the last session. An automatic
    closing is cancelled instead if `end_if_due` finds that an attempt needs more time.
    """

    async def list_due(tx: Transaction, tried: Collection[UUID]) -> Sequence[UUID]:
        return await closing.list_closed(tx, tried, _MAX_SESSIONS)

    async def change(tx: Transaction, session_id: UUID) -> bool:
        session = await sessions.lock_session(tx, session_id)
        return session is not None and await end_if_due(tx, session) is not session

    return await change_each(database, list_due, change)


async def close_overdue_sessions(database: Database) -> int:
    """Close the sessions that are due to close automatically. Return the number of changed sessions.

    A session with a paused attempt does not close. It is marked as overdue, so that its proctors are alarmed. The
    failure of one session does not stop the others. Raises an ExceptionGroup after the last session.
    """

    async def list_due(tx: Transaction, tried: Collection[UUID]) -> Sequence[UUID]:
        return await closing.list_overdue(tx, tried, _MAX_SESSIONS)

    async def change(tx: Transaction, session_id: UUID) -> bool:
        session = await sessions.lock_session(tx, session_id)
        return session is not None and await _close_if_overdue(tx, session)

    return await change_each(database, list_due, change)


async def _close_if_overdue(tx: Transaction, session: Session) -> bool:
    """Close the session, or mark it as overdue. Return whether the session changed."""
    plan = session.plan
    if session.state is not SessionState.IN_PROGRESS or tx.now < session.automatic_end:
        return False
    open_times = await closing.list_open_times(tx, session.session_id)
    match automatic_step(open_times, tx.now + plan.closing_countdown):
        case AutomaticStep.CLOSE if plan.closing_countdown:
            await _close(tx, session, None)
        case AutomaticStep.CLOSE:
            await _end(tx, session, tx.now, None)
        case AutomaticStep.ALARM if session.overdue_at is None:
            await _mark_overdue(tx, session, tx.now)
        case AutomaticStep.WAIT if session.overdue_at is not None:
            await _mark_overdue(tx, session, None)
        case _:
            return False
    return True


async def _mark_overdue(tx: Transaction, session: Session, overdue_at: datetime | None) -> None:
    after = replace(session, overdue_at=overdue_at, session_revision=session.next_revision)
    overdue = [] if overdue_at is None else [session_events.session_overdue(after)]
    await save_change(tx, after, [RecordedEvent(each, SYSTEM_ACTOR) for each in overdue])


async def _close(tx: Transaction, session: Session, actor: Actor | None) -> Session:
    after = apply_action(session, SessionAction.CLOSE, tx.now, actor)
    assert after is not None
    return await save_change(
        tx, after, [_recorded(session_events.session_closing(after, tx.now), actor)]
    )


async def _cancel(tx: Transaction, session: Session, actor: Actor | None) -> Session:
    after = apply_action(session, SessionAction.CANCEL_CLOSING, tx.now, actor)
    if after is None:
        return session
    cancelled = session_events.session_closing_cancelled(after, tx.now, actor)
    return await save_change(tx, after, [_recorded(cancelled, actor)])


async def _end(
    tx: Transaction, session: Session, ended_at: datetime, actor: Actor | None
) -> Session:
    """End the session. `end_action` decides how the state of each participant changes."""
    after = apply_action(session, SessionAction.END, ended_at, actor)
    if after is None:
        return session
    views = await participants.list_views(tx, session.session_id)
    absent = await sessions.list_absent_learner_ids(tx, session.session_id)
    targets: dict[UUID, ParticipantState] = {}
    recorded: list[RecordedEvent] = []
    for view in views:
        participant, action = view.participant, end_action(view, session)
        if action is not None:
            target = PARTICIPANT_STATES.target(participant.state, action)
            assert target is not None
            targets[participant.participant_id] = target
            event = _END_EVENTS[action](participant)
            recorded.append(RecordedEvent(event, SYSTEM_ACTOR, participant.participant_id))
    recorded += await lower_hands(tx, list(targets)) + await close_breaks(tx, list(targets))
    await participants.close_participants(tx, session.session_id, targets, session.next_revision)
    people = [view.participant for view in views]
    counts = await _count_time_events(tx, session.session_id, recorded)
    ended = session_events.session_ended(after, people, absent, actor, counts)
    recorded.append(_recorded(ended, actor))
    return await save_change(tx, after, recorded)


async def _count_time_events(
    tx: Transaction, session_id: UUID, new: Iterable[RecordedEvent]
) -> Mapping[UUID | None, int]:
    """Return the number of time events by participant id, with the new events that are not saved yet.

    The end of a session also ends the breaks, and assessment has to wait for these events too.
    """
    counts = Counter(await record.count_entries(tx, session_id, session_events.TIME_EVENTS))
    for each in new:
        name = name_of(each.event.DESCRIPTOR)
        if f"{name.aggregate}.{name.action}" in session_events.TIME_EVENTS:
            counts[each.participant_id] += 1
    return counts


def _recorded(event: Message, actor: Actor | None) -> RecordedEvent:
    return RecordedEvent(event, SYSTEM_ACTOR if actor is None else actor.person_id)


_END_EVENTS: Mapping[ParticipantAction, Callable[[Participant], Message]] = {
    ParticipantAction.COMPLETE: participant_events.participant_completed,
    ParticipantAction.LEAVE: participant_events.participant_left,
    ParticipantAction.MISS: participant_events.participant_missed,
}
