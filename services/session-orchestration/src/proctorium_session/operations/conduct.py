"""Starting and ending a session (`S3`, `S4`, `S16`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar
from uuid import UUID

from google.protobuf.message import Message

from proctorium_access.certifications import certified_until
from proctorium_common.rpc.caller import Caller
from proctorium_common.storage.database import Database, Transaction
from proctorium_common.storage.idempotency import Responder
from proctorium_session import events
from proctorium_session.domain.participant_states import (
    PARTICIPANT_STATES,
    ParticipantAction,
    ParticipantState,
)
from proctorium_session.domain.participants import Participant, end_action
from proctorium_session.domain.schedule import require_certified
from proctorium_session.domain.session_states import SessionAction
from proctorium_session.domain.sessions import ActingRole, VisibleSession, apply_action
from proctorium_session.operations.actors import lock_supervised
from proctorium_session.operations.changes import SYSTEM_ACTOR, RecordedEvent, save_change
from proctorium_session.operations.hands import lower_hands
from proctorium_session.operations.lobby import open_lobby_if_due
from proctorium_session.operations.queries import with_learners
from proctorium_session.storage import participants, sessions

M = TypeVar("M", bound=Message)


async def start(
    database: Database, caller: Caller, session_id: UUID, responder: Responder[VisibleSession, M]
) -> M:
    """Start a session. Every waiting learner becomes In Session.

    Makes no call to other services. Raises NOT_YOUR_SESSION, NOT_FOUND, PROCTOR_NOT_CERTIFIED,
    INVALID_STATE_TRANSITION.
    """

    async def run(tx: Transaction) -> VisibleSession:
        session, actor = await lock_supervised(tx, session_id, caller)
        session = await open_lobby_if_due(tx, session)
        after = apply_action(session, SessionAction.START, tx.now, actor.person_id)
        if after is None:
            return await with_learners(tx, session)
        if actor.role is ActingRole.PROCTOR:
            require_certified(actor.person_id, await certified_until(tx, actor.person_id), tx.now)
        await participants.admit_waiting(tx, session_id)
        event = RecordedEvent(events.session_started(after, actor), actor.person_id)
        return await with_learners(tx, await save_change(tx, after, [event]))

    return await database.respond(responder, run)


async def end(
    database: Database, caller: Caller, session_id: UUID, responder: Responder[VisibleSession, M]
) -> M:
    """End a session. `end_action` decides how the state of each participant changes.

    Raises NOT_YOUR_SESSION, NOT_FOUND, INVALID_STATE_TRANSITION.
    """

    async def run(tx: Transaction) -> VisibleSession:
        session, actor = await lock_supervised(tx, session_id, caller)
        after = apply_action(session, SessionAction.END, tx.now, actor.person_id)
        if after is None:
            return await with_learners(tx, session)
        views = await participants.list_views(tx, session_id)
        absent = await sessions.list_absent_learner_ids(tx, session_id)
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
        recorded += await lower_hands(tx, list(targets))
        await participants.close_participants(tx, session_id, targets, session.next_revision)
        people = [view.participant for view in views]
        ended = events.session_ended(after, people, absent, actor.role)
        recorded.append(RecordedEvent(ended, actor.person_id))
        return await with_learners(tx, await save_change(tx, after, recorded))

    return await database.respond(responder, run)


_END_EVENTS: Mapping[ParticipantAction, Callable[[Participant], Message]] = {
    ParticipantAction.COMPLETE: events.participant_completed,
    ParticipantAction.LEAVE: events.participant_left,
    ParticipantAction.MISS: events.participant_missed,
}
