"""The finer rule of who may do what: this proctor supervises this session, this learner belongs to it."""

from __future__ import annotations

from uuid import UUID

from proctorium_common.errors import unauthenticated
from proctorium_common.rpc.caller import Caller
from proctorium_common.storage.database import Transaction
from proctorium_session.domain.refusals import no_session, not_your_session
from proctorium_session.domain.sessions import Session
from proctorium_session.storage import sessions


def person_of(caller: Caller) -> UUID:
    """Who calls. Raises TOKEN_MISSING for a caller that is no person."""
    if caller.person_id is None:
        raise unauthenticated("TOKEN_MISSING", "Please sign in first.")
    return caller.person_id


def is_administrator(caller: Caller) -> bool:
    """Whether the caller runs the organisation."""
    return "administrator" in caller.roles


def is_proctor_of(session: Session, caller: Caller) -> bool:
    """Whether the caller supervises the session."""
    return "proctor" in caller.roles and caller.person_id in session.plan.proctor_ids


def supervised(session: Session | None, caller: Caller, *, administrators: bool = True) -> Session:
    """The session, where the caller may supervise it.

    Raises NOT_YOUR_SESSION, which does not say whether there is one; an administrator is told NOT_FOUND where there is none.
    """
    by_office = administrators and is_administrator(caller)
    if session is None:
        raise no_session() if by_office else not_your_session()
    if not (by_office or is_proctor_of(session, caller)):
        raise not_your_session()
    return session


async def lock_supervised(
    tx: Transaction, session_id: UUID, caller: Caller, *, administrators: bool = True
) -> Session:
    """The session, locked, where the caller may supervise it. Raises as `supervised`."""
    return supervised(await sessions.lock(tx, session_id), caller, administrators=administrators)
