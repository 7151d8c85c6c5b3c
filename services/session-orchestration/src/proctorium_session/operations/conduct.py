"""Starting a session (`S3`, `S4`)."""

from __future__ import annotations

from typing import TypeVar
from uuid import UUID

from google.protobuf.message import Message

from proctorium_access.certifications import certified_until
from proctorium_common.rpc.caller import Caller
from proctorium_common.storage.database import Database, Transaction
from proctorium_common.storage.idempotency import Responder
from proctorium_session.domain.schedule import require_certified
from proctorium_session.domain.session_states import SessionAction
from proctorium_session.domain.sessions import ActingRole, VisibleSession, apply_action
from proctorium_session.events import session_events
from proctorium_session.operations.actors import lock_supervised
from proctorium_session.operations.changes import RecordedEvent, save_change
from proctorium_session.operations.lobby import open_lobby_if_due
from proctorium_session.operations.queries import with_learners
from proctorium_session.storage import participants

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
        after = apply_action(session, SessionAction.START, tx.now, actor)
        if after is None:
            return await with_learners(tx, session)
        if actor.role is ActingRole.PROCTOR:
            require_certified(actor.person_id, await certified_until(tx, actor.person_id), tx.now)
        await participants.admit_waiting(tx, session_id)
        event = RecordedEvent(session_events.session_started(after, actor), actor.person_id)
        return await with_learners(tx, await save_change(tx, after, [event]))

    return await database.respond(responder, run)
