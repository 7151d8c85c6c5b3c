"""Opening of lobbies, by a person or automatically (`S1`, `S3`)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from google.protobuf.message import Message

from proctorium_common.rpc.caller import Caller
from proctorium_common.storage.database import Database, Transaction
from proctorium_common.storage.idempotency import Responder
from proctorium_session.domain.session_states import SessionAction
from proctorium_session.domain.sessions import Session, VisibleSession, apply_action
from proctorium_session.events import session_events
from proctorium_session.operations.actors import lock_supervised
from proctorium_session.operations.changes import SYSTEM_ACTOR, RecordedEvent, save_change
from proctorium_session.operations.isolation import change_each
from proctorium_session.operations.queries import with_learners
from proctorium_session.storage import sessions

M = TypeVar("M", bound=Message)

_MAX_LOBBIES = 100
"""The maximum number of due lobbies that are listed at once."""


async def open_lobby(
    database: Database, caller: Caller, session_id: UUID, responder: Responder[VisibleSession, M]
) -> M:
    """Open a lobby before its opening time. Raises NOT_YOUR_SESSION, NOT_FOUND, INVALID_STATE_TRANSITION."""

    async def run(tx: Transaction) -> VisibleSession:
        session, actor = await lock_supervised(tx, session_id, caller)
        after = apply_action(session, SessionAction.OPEN_LOBBY, tx.now, actor)
        if after is None:
            return await with_learners(tx, session)
        event = RecordedEvent(
            session_events.session_lobby_opened(after, actor.role), actor.person_id
        )
        return await with_learners(tx, await save_change(tx, after, [event]))

    return await database.respond(responder, run)


async def open_due_lobbies(database: Database) -> int:
    """Open the lobbies that are due, each in its own transaction. Return the number of opened lobbies.

    The failure of one session does not stop the others. Raises an ExceptionGroup after the last session.
    """

    async def list_due(tx: Transaction, tried: Collection[UUID]) -> Sequence[UUID]:
        return await sessions.list_due_lobbies(tx, tried, _MAX_LOBBIES)

    async def change(tx: Transaction, session_id: UUID) -> bool:
        session = await sessions.lock_session(tx, session_id)
        return session is not None and await open_lobby_if_due(tx, session) is not session

    return await change_each(database, list_due, change)


async def open_lobby_if_due(tx: Transaction, session: Session) -> Session:
    """Open the lobby if it is due, and return the session. The caller has locked the session's row."""
    session, recorded = with_due_lobby(session, tx.now)
    return await save_change(tx, session, recorded) if recorded else session


def with_due_lobby(session: Session, now: datetime) -> tuple[Session, list[RecordedEvent]]:
    """Open the lobby if it is due. Return the resulting session and the new events, without saving them.

    Joining also calls this function. Otherwise, a learner would be refused if the worker has not run since the opening
    time of the lobby.
    """
    if not session.is_lobby_due(now):
        return session, []
    after = apply_action(session, SessionAction.OPEN_LOBBY, now, None)
    assert after is not None
    return after, [RecordedEvent(session_events.session_lobby_opened(after, None), SYSTEM_ACTOR)]
