"""Who may do what in one session: its own proctors, its own learners, administrators."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from proctorium_access.certifications import holds_certification
from proctorium_common.errors import unauthenticated
from proctorium_common.rpc.caller import Caller
from proctorium_common.storage.database import Transaction
from proctorium_session.domain.refusals import no_session, not_your_session, own_session
from proctorium_session.domain.session_states import Mover
from proctorium_session.domain.sessions import Session
from proctorium_session.storage import participants, sessions


@dataclass(frozen=True, slots=True)
class Actor:
    """A person who acts on a session, in one role."""

    person_id: UUID
    role: Mover


def person_of(caller: Caller) -> UUID:
    """Return the ID of the calling person. Raises TOKEN_MISSING for a service."""
    if caller.person_id is None:
        raise unauthenticated("TOKEN_MISSING", "Please sign in first.")
    return caller.person_id


def is_administrator(caller: Caller) -> bool:
    """Return whether the caller is an administrator."""
    return "administrator" in caller.roles


def is_proctor_of(session: Session, caller: Caller) -> bool:
    """Return whether the caller is a proctor of the session."""
    return "proctor" in caller.roles and caller.person_id in session.plan.proctor_ids


def supervised(session: Session | None, caller: Caller) -> Session:
    """Return the session if the caller may supervise it.

    Raises NOT_YOUR_SESSION, which does not reveal whether the session exists; for an administrator NOT_FOUND if it does not.
    """
    if session is None:
        raise no_session() if is_administrator(caller) else not_your_session()
    if not (is_administrator(caller) or is_proctor_of(session, caller)):
        raise not_your_session()
    return session


async def lock_supervised(
    tx: Transaction, session_id: UUID, caller: Caller
) -> tuple[Session, Actor]:
    """Return the session, locked, and the caller in the role in which they act on it.

    Raises as `supervised`, and NOT_YOUR_SESSION for an administrator who takes part in the session or is invited to it as a learner.
    """
    session = supervised(await sessions.lock(tx, session_id), caller)
    actor = await actor_in(tx, session, caller)
    as_administrator = actor.role is Mover.ADMINISTRATOR
    if as_administrator and (
        await participants.of_person(tx, session_id, actor.person_id)
        or await sessions.is_expected(tx, session_id, actor.person_id)
    ):
        raise own_session()
    return session, actor


async def actor_in(tx: Transaction, session: Session, caller: Caller) -> Actor:
    """Return the caller, who supervises the session, in the role in which they act on it.

    An administrator acts as a proctor only where they are a certified proctor of the session.
    """
    person_id = person_of(caller)
    if is_administrator(caller):
        certified = is_proctor_of(session, caller) and await holds_certification(tx, person_id)
        return Actor(person_id, Mover.PROCTOR if certified else Mover.ADMINISTRATOR)
    return Actor(person_id, Mover.PROCTOR)
