"""Reopening sessions that have ended, and the end of the time in which proctors can reopen them (`S3`)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import TypeVar
from uuid import UUID

from google.protobuf.message import Message

from proctorium_common.ids import new_id
from proctorium_common.rpc.caller import Caller
from proctorium_common.storage.database import Database, Transaction
from proctorium_common.storage.idempotency import Responder
from proctorium_session.domain.participant_states import ParticipantState
from proctorium_session.domain.participants import ParticipantView
from proctorium_session.domain.proctors import require_free
from proctorium_session.domain.reopening import continued_state, require_reopenable
from proctorium_session.domain.session_states import SESSION_STATES, SessionAction
from proctorium_session.domain.sessions import Actor, Session, VisibleSession, apply_action
from proctorium_session.events import session_events
from proctorium_session.operations.changes import SYSTEM_ACTOR, RecordedEvent, save_change
from proctorium_session.operations.closing import lock_current
from proctorium_session.operations.isolation import change_each
from proctorium_session.operations.queries import with_learners
from proctorium_session.storage import closing, participants, proctors, sessions

M = TypeVar("M", bound=Message)

_MAX_SESSIONS = 100
"""The maximum number of sessions that one run of the worker finalises."""


async def reopen(
    database: Database, caller: Caller, session_id: UUID, responder: Responder[VisibleSession, M]
) -> M:
    """Reopen a session that has ended. If the session is in progress, nothing changes.

    Raises NOT_YOUR_SESSION, NOT_FOUND, INVALID_STATE_TRANSITION, REOPENING_EXPIRED, RESULT_RELEASED, PROCTOR_OVERLAP.
    """

    async def run(tx: Transaction) -> VisibleSession:
        session, actor = await lock_current(tx, session_id, caller)
        if SESSION_STATES.target(session.state, SessionAction.REOPEN) is not None:
            views = await participants.list_views(tx, session_id)
            require_reopenable(session, views, actor, tx.now)
            await _require_free_proctors(tx, session)
            session = await _reopen(tx, session, views, actor)
        return await with_learners(tx, session)

    return await database.respond(responder, run)


async def finalize_sessions(database: Database) -> int:
    """Finalise the sessions that their proctors can no longer reopen, each in its own transaction.

    Return the number of these sessions. The failure of one session does not stop the others. Raises an ExceptionGroup
    after the last session.
    """

    async def list_due(tx: Transaction, tried: Collection[UUID]) -> Sequence[UUID]:
        return await closing.list_reopenable_until_now(tx, tried, _MAX_SESSIONS)

    async def change(tx: Transaction, session_id: UUID) -> bool:
        session = await sessions.lock_session(tx, session_id)
        if session is None or session.reopen_until is None or tx.now < session.reopen_until:
            return False
        after = replace(session, reopen_until=None, session_revision=session.next_revision)
        await save_change(
            tx, after, [RecordedEvent(session_events.session_finalized(after), SYSTEM_ACTOR)]
        )
        return True

    return await change_each(database, list_due, change)


async def _require_free_proctors(tx: Transaction, session: Session) -> None:
    """Raise PROCTOR_OVERLAP if a proctor has another session at the planned time of this session."""
    plan = session.plan
    await proctors.lock_proctors(tx, plan.proctor_ids)
    engagements = await proctors.list_engagements(
        tx, plan.proctor_ids, plan.start_time, plan.planned_end
    )
    for proctor_id in plan.proctor_ids:
        own = [each for each in engagements if each.proctor_id == proctor_id]
        require_free(session, proctor_id, own)


async def _reopen(
    tx: Transaction, session: Session, views: list[ParticipantView], actor: Actor
) -> Session:
    """Reopen the session. `continued_state` decides how the state of each participant changes."""
    targets: dict[UUID, ParticipantState] = {}
    for view in views:
        target = continued_state(view.participant)
        if target is not None:
            targets[view.participant.participant_id] = target
    after = apply_action(session, SessionAction.REOPEN, tx.now, actor)
    assert after is not None, "the session has ended"
    assert session.end_time is not None, "the session has ended"
    present = [
        view.participant.person_id
        for view in views
        if targets.get(view.participant.participant_id) is ParticipantState.IN_SESSION
    ]
    reopened_at = max(tx.now, session.end_time)
    event = session_events.session_reopened(session, new_id(), reopened_at, present, actor)
    after = await save_change(tx, after, [RecordedEvent(event, actor.person_id)])
    # The trigger on `participants` allows these changes only while the session is in progress.
    await participants.continue_participants(tx, targets, reopened_at, after.revision)
    return after
