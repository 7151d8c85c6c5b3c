"""The rules that decide which callers may supervise a session, and in which role a caller acts."""

from __future__ import annotations

from uuid import UUID

from proctorium_access.certifications import holds_certification
from proctorium_common.rpc.caller import Caller
from proctorium_common.storage.database import Transaction
from proctorium_session.domain.errors import no_session, not_your_session, own_session
from proctorium_session.domain.sessions import ActingRole, Actor, Session
from proctorium_session.storage import participants, sessions


def is_proctor_of(session: Session, caller: Caller) -> bool:
    """Return whether the caller is a proctor of the session."""
    return "proctor" in caller.roles and caller.person_id in session.plan.proctor_ids


def has_supervising_role(caller: Caller) -> bool:
    """Return whether the caller has a role in which people supervise sessions."""
    return "proctor" in caller.roles or caller.is_administrator


def may_supervise(session: Session, caller: Caller) -> bool:
    """Return whether the caller is an administrator or a proctor of the session."""
    return caller.is_administrator or is_proctor_of(session, caller)


def require_supervised(session: Session | None, caller: Caller) -> Session:
    """Return the session if the caller may supervise it.

    If the caller is not an administrator, raises NOT_YOUR_SESSION whether the session exists or not. If the caller is
    an administrator, raises NOT_FOUND if the session does not exist.
    """
    if session is None:
        raise no_session() if caller.is_administrator else not_your_session()
    if not may_supervise(session, caller):
        raise not_your_session()
    return session


async def lock_supervised(
    tx: Transaction, session_id: UUID, caller: Caller
) -> tuple[Session, Actor]:
    """Lock the session, and return it with the caller and the role in which the caller acts on it.

    Raises NOT_FOUND and NOT_YOUR_SESSION. An administrator who takes part in the session as a learner or is invited to
    it receives NOT_YOUR_SESSION too.
    """
    return await supervise(tx, await sessions.lock_session(tx, session_id), caller)


async def supervise(
    tx: Transaction, session: Session | None, caller: Caller
) -> tuple[Session, Actor]:
    """Return the session, and the caller with the role in which the caller acts on it.

    Raises the same errors as `lock_supervised`.
    """
    supervised = require_supervised(session, caller)
    actor = await session_actor(tx, supervised, caller)
    await require_no_learner(tx, supervised.session_id, actor)
    return supervised, actor


async def require_no_learner(tx: Transaction, session_id: UUID, actor: Actor) -> None:
    """Raise NOT_YOUR_SESSION for an administrator who takes part in the session as a learner or is invited to it."""
    as_administrator = actor.role is ActingRole.ADMINISTRATOR
    if as_administrator and (
        await participants.get_view_of_person(tx, session_id, actor.person_id)
        or await sessions.is_invited(tx, session_id, actor.person_id)
    ):
        raise own_session()


async def session_actor(tx: Transaction, session: Session, caller: Caller) -> Actor:
    """Return the caller and the role in which the caller acts on the session.

    The caller must be allowed to supervise the session. An administrator acts as a proctor only if the administrator is
    also a certified proctor of the session.
    """
    person_id = caller.require_person()
    if caller.is_administrator:
        certified = is_proctor_of(session, caller) and await holds_certification(tx, person_id)
        return Actor(person_id, ActingRole.PROCTOR if certified else ActingRole.ADMINISTRATOR)
    return Actor(person_id, ActingRole.PROCTOR)
