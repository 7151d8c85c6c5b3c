"""Pausing and resuming participants and sessions.

A pause of the whole session and a pause of a participant are separate. The clock of a participant is stopped while at
least one of them is open.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar
from uuid import UUID

from google.protobuf.message import Message

from proctorium_common.ids import new_id
from proctorium_common.rpc.caller import Caller
from proctorium_common.storage.database import Database, Transaction
from proctorium_common.storage.idempotency import Responder
from proctorium_session.domain.outcomes import Outcome, outcomes_of
from proctorium_session.domain.participants import ParticipantView
from proctorium_session.domain.pauses import pause_refusal, require_pausable
from proctorium_session.domain.sessions import Actor, Pause, Session, VisibleSession
from proctorium_session.events import participant_events, session_events
from proctorium_session.operations.changes import RecordedEvent, save_change
from proctorium_session.operations.closing import lock_current
from proctorium_session.operations.queries import with_learners
from proctorium_session.storage import participants, pauses

M = TypeVar("M", bound=Message)

_Outcomes = Mapping[UUID, Outcome]


@dataclass(frozen=True, slots=True)
class PauseResult:
    """The session and the outcomes after a request to pause or resume. For a whole session, `outcomes` is empty."""

    visible: VisibleSession
    outcomes: _Outcomes


async def pause(
    database: Database,
    caller: Caller,
    session_id: UUID,
    participant_ids: Sequence[UUID],
    reason: str,
    responder: Responder[PauseResult, M],
) -> M:
    """Pause participants, or the whole session if `participant_ids` is empty.

    A participant or session that is already paused keeps its pause. Raises NOT_YOUR_SESSION, NOT_FOUND,
    INVALID_STATE_TRANSITION.
    """

    async def run(tx: Transaction) -> PauseResult:
        session, actor = await lock_current(tx, session_id, caller)
        require_pausable(session, "pause")
        outcomes: _Outcomes = {}
        if participant_ids:
            session, outcomes = await _pause_each(tx, session, actor, participant_ids, reason)
        elif session.pause is None:
            session = await _pause_all(tx, session, actor, reason)
        return PauseResult(await with_learners(tx, session), outcomes)

    return await database.respond(responder, run)


async def resume(
    database: Database,
    caller: Caller,
    session_id: UUID,
    participant_ids: Sequence[UUID],
    responder: Responder[PauseResult, M],
) -> M:
    """End the pauses of participants, or the pause of the whole session if `participant_ids` is empty.

    A participant or session without a pause does not change. Raises NOT_YOUR_SESSION, NOT_FOUND,
    INVALID_STATE_TRANSITION.
    """

    async def run(tx: Transaction) -> PauseResult:
        session, actor = await lock_current(tx, session_id, caller)
        require_pausable(session, "resume")
        outcomes: _Outcomes = {}
        if participant_ids:
            session, outcomes = await _resume_each(tx, session, actor, participant_ids)
        elif session.pause is not None:
            session = await _resume_all(tx, session, actor, session.pause)
        return PauseResult(await with_learners(tx, session), outcomes)

    return await database.respond(responder, run)


async def _pause_all(tx: Transaction, session: Session, actor: Actor, reason: str) -> Session:
    opened = Pause(new_id(), tx.now, reason)
    await pauses.insert_pauses(tx, session.session_id, {None: opened}, actor)
    after = replace(session, pause=opened, session_revision=session.next_revision)
    event = RecordedEvent(session_events.session_paused(after, opened, actor), actor.person_id)
    return await save_change(tx, after, [event])


async def _resume_all(tx: Transaction, session: Session, actor: Actor, ended: Pause) -> Session:
    resumed_at = max(tx.now, ended.paused_at)
    await pauses.end_pauses(tx, [ended.pause_id], resumed_at, actor.person_id)
    after = replace(session, pause=None, session_revision=session.next_revision)
    event = RecordedEvent(
        session_events.session_resumed(after, ended, resumed_at, actor), actor.person_id
    )
    return await save_change(tx, after, [event])


async def _pause_each(
    tx: Transaction, session: Session, actor: Actor, participant_ids: Sequence[UUID], reason: str
) -> tuple[Session, _Outcomes]:
    views = await participants.list_views(tx, session.session_id, only=participant_ids)
    opened: dict[UUID | None, Pause] = {}
    recorded: list[RecordedEvent] = []

    def change(view: ParticipantView) -> Outcome:
        refused = pause_refusal(view)
        if refused is not None:
            return refused
        participant_id = view.participant.participant_id
        if view.participant.pause is None:
            new = opened[participant_id] = Pause(new_id(), tx.now, reason)
            view = _with_pause(view, new, session)
            event = participant_events.participant_paused(session, view.participant, new, actor)
            recorded.append(RecordedEvent(event, actor.person_id, participant_id))
        return view

    outcomes = outcomes_of(participant_ids, views, change)
    await pauses.insert_pauses(tx, session.session_id, opened, actor)
    return await _save_participants(tx, session, recorded), outcomes


async def _resume_each(
    tx: Transaction, session: Session, actor: Actor, participant_ids: Sequence[UUID]
) -> tuple[Session, _Outcomes]:
    views = await participants.list_views(tx, session.session_id, only=participant_ids)
    ended: list[UUID] = []
    recorded: list[RecordedEvent] = []

    def change(view: ParticipantView) -> Outcome:
        old = view.participant.pause
        if old is not None:
            ended.append(old.pause_id)
            view = _with_pause(view, None, session)
            resumed_at = max(tx.now, old.paused_at)
            event = participant_events.participant_resumed(view.participant, old, resumed_at, actor)
            participant_id = view.participant.participant_id
            recorded.append(RecordedEvent(event, actor.person_id, participant_id))
        return view

    outcomes = outcomes_of(participant_ids, views, change)
    await pauses.end_pauses(tx, ended, tx.now, actor.person_id)
    return await _save_participants(tx, session, recorded), outcomes


def _with_pause(view: ParticipantView, pause: Pause | None, session: Session) -> ParticipantView:
    changed = replace(view.participant, pause=pause, revision=session.next_revision)
    return replace(view, participant=changed)


async def _save_participants(
    tx: Transaction, session: Session, recorded: Sequence[RecordedEvent]
) -> Session:
    """Save the events, and the new revision of their participants. If there are no events, nothing changes."""
    if not recorded:
        return session
    ids = [each.participant_id for each in recorded if each.participant_id is not None]
    await participants.update_revision(tx, ids, session.next_revision)
    return await save_change(tx, session, recorded)
