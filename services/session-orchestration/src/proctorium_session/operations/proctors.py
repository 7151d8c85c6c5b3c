"""Taking and handing over sessions, and listing the sessions that can be taken (`S6`)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from google.protobuf.message import Message

from proctorium_access.certifications import certified_until, require_certification
from proctorium_common.rpc.caller import Caller
from proctorium_common.storage import pages
from proctorium_common.storage.database import Database, Transaction
from proctorium_common.storage.idempotency import Responder
from proctorium_session.domain.errors import invalid_at, no_session, own_session
from proctorium_session.domain.proctors import (
    not_lead_proctor,
    require_expected_lead,
    require_free,
    require_not_over,
    session_covered,
    with_lead,
)
from proctorium_session.domain.schedule import require_certified
from proctorium_session.domain.sessions import ActingRole, Actor, Session, VisibleSession
from proctorium_session.events import session_events
from proctorium_session.operations.actors import (
    is_proctor_of,
    lock_supervised,
    may_supervise,
    session_actor,
)
from proctorium_session.operations.changes import RecordedEvent, save_change
from proctorium_session.operations.coverage import ProctorPresence
from proctorium_session.operations.queries import with_learners
from proctorium_session.storage import coverage, participants, proctors, sessions

M = TypeVar("M", bound=Message)

_UNCOVERED = "uncovered-sessions"


async def list_uncovered_sessions(
    database: Database, caller: Caller, page_size: int, page_token: str
) -> tuple[Sequence[Session], str]:
    """Return a page of the uncovered sessions that the caller may take, and the token of the next page.

    The longest uncovered session comes first. Raises CERTIFICATION_ENDED, INVALID_PAGE_TOKEN.
    """
    person_id = caller.require_person()
    limit = pages.effective_size(page_size)
    async with database.transaction() as tx:
        if not caller.is_administrator:
            await require_certification(tx, person_id)
        tokens = await pages.tokens(tx)
        after = tokens.after(_UNCOVERED, page_token, datetime, UUID)
        found = await coverage.list_uncovered_sessions(tx, person_id, after=after, limit=limit + 1)
    return tokens.cut(_UNCOVERED, found, limit, _position)


async def take_session(
    database: Database,
    presence: ProctorPresence,
    caller: Caller,
    session_id: UUID,
    expected_lead_id: UUID | None,
    responder: Responder[VisibleSession, M],
) -> M:
    """Make the caller the lead proctor of the session, and count the caller as present.

    Raises SESSION_COVERED, NOT_YOUR_SESSION, NOT_FOUND, PROCTOR_NOT_CERTIFIED, PROCTOR_OVERLAP, LEAD_PROCTOR_CHANGED,
    PROCTOR_LIMIT_REACHED, SESSION_ENDED, SESSION_CANCELLED.
    """

    async def run(tx: Transaction) -> VisibleSession:
        session, actor = await _lock_takeable(tx, session_id, caller)
        require_not_over(session)
        if session.plan.proctor_ids[0] == actor.person_id:
            return await with_learners(tx, session)
        require_expected_lead(session, expected_lead_id)
        if actor.role is ActingRole.PROCTOR:
            require_certified(actor.person_id, await certified_until(tx, actor.person_id), tx.now)
        after = await _set_lead(tx, session, actor.person_id)
        taken = session_events.session_taken(after, actor, session.plan.proctor_ids[0])
        after = await save_change(tx, after, [RecordedEvent(taken, actor.person_id)])
        return await with_learners(tx, await presence.cover(tx, after, actor.person_id))

    return await database.respond(responder, run)


async def hand_over_session(
    database: Database,
    caller: Caller,
    session_id: UUID,
    person_id: UUID,
    expected_lead_id: UUID | None,
    responder: Responder[VisibleSession, M],
) -> M:
    """Make another person the lead proctor of the session.

    Raises NOT_LEAD_PROCTOR, NOT_YOUR_SESSION, NOT_FOUND, PROCTOR_NOT_CERTIFIED, PROCTOR_OVERLAP, INVALID_REQUEST,
    LEAD_PROCTOR_CHANGED, PROCTOR_LIMIT_REACHED, SESSION_ENDED, SESSION_CANCELLED.
    """

    async def run(tx: Transaction) -> VisibleSession:
        session, actor = await lock_supervised(tx, session_id, caller)
        require_not_over(session)
        lead_id = session.plan.proctor_ids[0]
        if lead_id == person_id:
            return await with_learners(tx, session)
        if actor.person_id != lead_id and not caller.is_administrator:
            raise not_lead_proctor()
        require_expected_lead(session, expected_lead_id)
        if await _takes_part(tx, session_id, person_id):
            raise invalid_at(
                "to_person_id",
                "INVALID_REQUEST",
                "This person takes part in the session as a learner. Choose another proctor.",
            )
        require_certified(person_id, await certified_until(tx, person_id), tx.now)
        after = await _set_lead(tx, session, person_id)
        event = session_events.session_handed_over(after, actor, lead_id)
        after = await save_change(tx, after, [RecordedEvent(event, actor.person_id)])
        return await with_learners(tx, after)

    return await database.respond(responder, run)


async def _lock_takeable(
    tx: Transaction, session_id: UUID, caller: Caller
) -> tuple[Session, Actor]:
    """Lock the session if the caller may take it, and return it with the caller and the caller's acting role.

    Raises SESSION_COVERED, NOT_YOUR_SESSION, and NOT_FOUND if the caller is an administrator.
    """
    session = await sessions.lock_session(tx, session_id)
    if session is None:
        raise no_session() if caller.is_administrator else session_covered()
    if not may_supervise(session, caller) and session.coverage.uncovered_at is None:
        raise session_covered()
    person_id = caller.require_person()
    if not is_proctor_of(session, caller) and await _takes_part(tx, session_id, person_id):
        raise own_session()
    return session, await session_actor(tx, session, caller)


async def _set_lead(tx: Transaction, session: Session, person_id: UUID) -> Session:
    """Store the person as the lead proctor, and return the changed session, which the caller saves."""
    after = with_lead(session, person_id)
    plan = session.plan
    await proctors.lock_proctors(tx, [person_id])
    engagements = await proctors.list_engagements(
        tx, [person_id], plan.start_time, plan.planned_end
    )
    require_free(session, person_id, engagements)
    await proctors.replace_proctors(tx, session.session_id, after.plan.proctor_ids)
    return after


async def _takes_part(tx: Transaction, session_id: UUID, person_id: UUID) -> bool:
    """Return whether the person is invited to the session as a learner or has joined it."""
    return (
        await sessions.is_invited(tx, session_id, person_id)
        or await participants.get_view_of_person(tx, session_id, person_id) is not None
    )


def _position(session: Session) -> tuple[datetime, UUID]:
    uncovered_at = session.coverage.uncovered_at
    assert uncovered_at is not None, "only uncovered sessions are listed"
    return uncovered_at, session.session_id
