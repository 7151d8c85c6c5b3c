"""Sessions as those who may see them see them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from proctorium_common.rpc.caller import Caller
from proctorium_common.storage import pages
from proctorium_common.storage.database import Transaction
from proctorium_session.domain.refusals import no_session
from proctorium_session.domain.sessions import Session
from proctorium_session.operations.access import is_administrator, is_proctor_of, person_of
from proctorium_session.storage import participants, sessions
from proctorium_session.storage.sessions import Whose


@dataclass(frozen=True, slots=True)
class Seen:
    """A session as somebody sees it: learners see no expected learners."""

    session: Session
    learner_ids: tuple[UUID, ...] = ()


async def get(tx: Transaction, caller: Caller, session_id: UUID) -> Seen:
    """One session, for administrators, its proctors, and learners who are expected or have joined. Raises NOT_FOUND."""
    session = await sessions.find(tx, session_id)
    if session is None:
        raise no_session()
    if _sees_all(session, caller):
        return Seen(session, await sessions.learner_ids(tx, session_id))
    if await _belongs(tx, session_id, person_of(caller)):
        return Seen(session)
    raise no_session()


async def listed(
    tx: Transaction, caller: Caller, *, live_only: bool, page_size: int, page_token: str
) -> tuple[Sequence[Seen], str]:
    """A page of sessions by start time: all for administrators, their own for others. Raises INVALID_PAGE_TOKEN."""
    name = f"sessions:{caller.name}:{live_only}"
    limit = pages.size_of(page_size)
    tokens = await pages.tokens(tx)
    after = tokens.after(name, page_token, datetime, UUID)
    found = await sessions.listed(
        tx, _whose(caller), live_only=live_only, after=after, limit=limit + 1
    )
    shown, token = tokens.cut(
        name, found, limit, lambda each: (each.plan.start_time, each.session_id)
    )
    learners = await sessions.learner_ids_of(
        tx, [each.session_id for each in shown if _sees_all(each, caller)]
    )
    return [Seen(each, learners.get(each.session_id, ())) for each in shown], token


def _whose(caller: Caller) -> Whose:
    if is_administrator(caller):
        return Whose(all=True)
    person_id = person_of(caller)
    return Whose(proctor_id=person_id if "proctor" in caller.roles else None, learner_id=person_id)


def _sees_all(session: Session, caller: Caller) -> bool:
    return is_administrator(caller) or is_proctor_of(session, caller)


async def _belongs(tx: Transaction, session_id: UUID, person_id: UUID) -> bool:
    return (
        await sessions.is_expected(tx, session_id, person_id)
        or await participants.of_person(tx, session_id, person_id) is not None
    )


async def expected(tx: Transaction, session_id: UUID) -> tuple[UUID, ...]:
    """The learners who are expected in a session; for those who may see them."""
    return await sessions.learner_ids(tx, session_id)
