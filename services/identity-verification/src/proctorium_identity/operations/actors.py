"""The people who may act on cases, and their acting roles."""

from __future__ import annotations

from uuid import UUID

from proctorium_access.certifications import holds_certification
from proctorium_common.rpc.caller import Caller
from proctorium_common.storage.database import Transaction
from proctorium_identity.domain.cases import ActingRole, Actor, Case, not_your_case
from proctorium_identity.storage import cases, sessions


async def session_actor(tx: Transaction, caller: Caller, session_id: UUID) -> Actor:
    """Return the caller as an `Actor` with the acting role for the cases of the session.

    An administrator acts as a proctor only if the administrator is also a certified proctor of the session. Raises
    NOT_YOUR_CASE if the caller does not supervise the session. Also raises NOT_YOUR_CASE if the caller would act as an
    administrator and has a case in the session.
    """
    person_id = caller.person_id
    if person_id is None:
        raise not_your_case()
    session = await sessions.get_session(tx, session_id)
    is_proctor = "proctor" in caller.roles and person_id in session.proctor_ids
    if is_proctor and (not caller.is_administrator or await holds_certification(tx, person_id)):
        return Actor(person_id, ActingRole.PROCTOR)
    own_case = await cases.get_case_of_learner(tx, session_id, person_id)
    if not caller.is_administrator or own_case is not None:
        raise not_your_case()
    return Actor(person_id, ActingRole.ADMINISTRATOR)


async def case_actor(tx: Transaction, caller: Caller, case: Case) -> Actor:
    """Return the caller as an `Actor` with the acting role for the case.

    Raises NOT_YOUR_CASE if the caller does not supervise the session, or if the case is the caller's own case.
    """
    if caller.person_id == case.person_id:
        raise not_your_case()
    return await session_actor(tx, caller, case.session_id)
