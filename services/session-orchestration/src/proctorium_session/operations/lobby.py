"""The lobby: opened by the clock or by hand, entered by code (`S4`, `C3`, `C5`)."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from proctorium_common.rpc.caller import Caller
from proctorium_common.storage.database import Database, Transaction
from proctorium_session.domain.session_states import Mover, SessionMove
from proctorium_session.domain.sessions import Session, moved
from proctorium_session.operations import announcements
from proctorium_session.operations.access import lock_supervised
from proctorium_session.operations.recording import OURSELVES, Happened, change
from proctorium_session.storage import sessions

_LOBBIES_IN_ONE_TURN = 100


async def open_lobby(tx: Transaction, caller: Caller, session_id: UUID) -> Session:
    """Opens the lobby before its time. Raises NOT_YOUR_SESSION, NOT_FOUND, INVALID_STATE_TRANSITION."""
    session, actor = await lock_supervised(tx, session_id, caller)
    after = moved(session, SessionMove.OPEN_LOBBY, tx.now, actor.person_id)
    if after is None:
        return session
    opened = Happened(announcements.lobby_opened(after, actor.role), actor.person_id)
    return await change(tx, after, [opened])


async def open_due(database: Database) -> int:
    """Opens every lobby whose time has come, each in a transaction of its own; how many."""
    async with database.transaction() as tx:
        due = await sessions.due_lobbies(tx, _LOBBIES_IN_ONE_TURN)
    for session_id in due:
        async with database.transaction() as tx:
            await _open_by_clock(tx, session_id)
    return len(due)


async def with_lobby_due(tx: Transaction, session: Session) -> Session:
    """The locked session with its lobby open, where its time has come and the clock's turn has not."""
    session, opened = opened_if_due(session, tx.now)
    return await change(tx, session, opened) if opened else session


async def _open_by_clock(tx: Transaction, session_id: UUID) -> None:
    session = await sessions.lock(tx, session_id)
    if session is not None:
        await with_lobby_due(tx, session)


def opened_if_due(session: Session, now: datetime) -> tuple[Session, list[Happened]]:
    """Nobody is turned away for the second between the lobby's time and the clock's next turn."""
    if not session.is_lobby_due(now):
        return session, []
    after = moved(session, SessionMove.OPEN_LOBBY, now, None)
    assert after is not None
    return after, [Happened(announcements.lobby_opened(after, Mover.CLOCK), OURSELVES)]
