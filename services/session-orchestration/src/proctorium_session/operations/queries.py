"""Reading sessions. A caller can read only the sessions that the caller supervises, is invited to or has joined."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from proctorium_common.rpc.caller import Caller
from proctorium_common.storage import pages
from proctorium_common.storage.database import Database, Transaction
from proctorium_session.domain.errors import no_session
from proctorium_session.domain.sessions import Session, VisibleSession
from proctorium_session.operations.actors import may_supervise
from proctorium_session.storage import participants, sessions
from proctorium_session.storage.sessions import SessionFilter


async def get_session(database: Database, caller: Caller, session_id: UUID) -> VisibleSession:
    """Return a session that the caller supervises, is invited to or has joined. Raises NOT_FOUND."""
    async with database.transaction() as tx:
        session = await sessions.get_session(tx, session_id)
        if session is None:
            raise no_session()
        if may_supervise(session, caller):
            return await with_learners(tx, session)
        person_id = caller.require_person()
        if (
            await sessions.is_invited(tx, session_id, person_id)
            or await participants.get_view_of_person(tx, session_id, person_id) is not None
        ):
            return VisibleSession(session)
    raise no_session()


async def list_sessions(
    database: Database, caller: Caller, *, live_only: bool, page_size: int, page_token: str
) -> tuple[Sequence[VisibleSession], str]:
    """Return a page of the sessions that the caller may see, ordered by start time, and the token of the next page.

    Raises INVALID_PAGE_TOKEN.
    """
    name = f"sessions:{caller.name}:{live_only}"
    limit = pages.effective_size(page_size)
    async with database.transaction() as tx:
        tokens = await pages.tokens(tx)
        after = tokens.after(name, page_token, datetime, UUID)
        rows = await sessions.list_sessions(
            tx, _session_filter(caller), live_only=live_only, after=after, limit=limit + 1
        )
        page, token = tokens.cut(
            name, rows, limit, lambda each: (each.plan.start_time, each.session_id)
        )
        supervised = {each.session_id for each in page if may_supervise(each, caller)}
        learners = await sessions.list_invited_learner_ids_of_sessions(tx, sorted(supervised))
    visible = [
        VisibleSession(
            each, learners.get(each.session_id, ()), supervised=each.session_id in supervised
        )
        for each in page
    ]
    return visible, token


async def with_learners(tx: Transaction, session: Session) -> VisibleSession:
    """Return the session with its invited learners.

    Call this only for a caller who supervises the session, because other callers must not see the invited learners.
    """
    learner_ids = await sessions.list_invited_learner_ids(tx, session.session_id)
    return VisibleSession(session, learner_ids, supervised=True)


def _session_filter(caller: Caller) -> SessionFilter:
    if caller.is_administrator:
        return SessionFilter(all=True)
    person_id = caller.require_person()
    return SessionFilter(
        proctor_id=person_id if "proctor" in caller.roles else None, learner_id=person_id
    )
