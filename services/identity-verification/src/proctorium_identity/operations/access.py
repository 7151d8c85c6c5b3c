"""The people who may act on a session's cases, and their roles."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from proctorium_access.certifications import holds_certification
from proctorium_common.rpc.caller import Caller
from proctorium_common.storage.database import Transaction
from proctorium_identity.domain.cases import ActingRole, Case, not_your_case
from proctorium_identity.storage import cases, sessions


@dataclass(frozen=True, slots=True)
class Actor:
    """A person who acts on a case, in one role."""

    person_id: UUID
    role: ActingRole


async def actor_in(tx: Transaction, caller: Caller, session_id: UUID) -> Actor:
    """Return the caller in the role in which they act on the session's cases.

    An administrator acts as a proctor only where they are a certified proctor of the session. Raises NOT_YOUR_CASE, also for an administrator
    who has a case in the session.
    """
    person_id = caller.person_id
    if person_id is None:
        raise not_your_case()
    administrator = "administrator" in caller.roles
    leads = "proctor" in caller.roles and person_id in await sessions.proctors_of(tx, session_id)
    if leads and (not administrator or await holds_certification(tx, person_id)):
        return Actor(person_id, ActingRole.PROCTOR)
    takes_part = await cases.find_case_of(tx, session_id, person_id) is not None
    if not administrator or takes_part:
        raise not_your_case()
    return Actor(person_id, ActingRole.ADMINISTRATOR)


async def actor_on(tx: Transaction, caller: Caller, case: Case) -> Actor:
    """Return the caller in the role in which they act on the case, which is never their own. Raises NOT_YOUR_CASE."""
    if caller.person_id == case.person_id:
        raise not_your_case()
    return await actor_in(tx, caller, case.session_id)
