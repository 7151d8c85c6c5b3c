"""People: registered, found; and who may see whom (`P1`). What they may do: `operations/rights.py`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from uuid import UUID

from proctorium.enrollment.events.v1 import events_pb2
from proctorium_common.errors import already_exists
from proctorium_common.ids import new_id
from proctorium_common.rpc.access import ROLE_NUMBERS
from proctorium_common.rpc.caller import Caller
from proctorium_common.storage import pages
from proctorium_common.storage.database import Transaction
from proctorium_enrollment.domain import people as domain
from proctorium_enrollment.domain.people import NewPerson, Person, Role, no_such_person
from proctorium_enrollment.domain.sessions import Part
from proctorium_enrollment.storage import accounts
from proctorium_enrollment.storage import people as storage

_LIST = "people"
ROLES = {role: ROLE_NUMBERS[role.value] for role in Role}
"""Roles as messages name them."""


async def create(tx: Transaction, new: NewPerson, password_hash: str | None) -> Person:
    """Registers a person, with a password where there is a hash of one. Raises EMAIL_TAKEN, INVALID_REQUEST."""
    person = domain.register(new_id(), new, tx.now)
    if not await storage.add(tx, person):
        raise already_exists(
            "EMAIL_TAKEN",
            "Another person is registered with this e-mail address. Look for them in the list of people.",
        )
    if password_hash is not None:
        await accounts.set_password_hash(tx, person.person_id, password_hash)
    tx.record(
        events_pb2.PersonCreated(
            person_id=str(person.person_id),
            roles=[ROLES[role] for role in sorted(person.roles, key=lambda role: ROLES[role])],
        )
    )
    return person


async def get(tx: Transaction, caller: Caller, person_id: UUID) -> Person:
    """A person whom the caller may see: oneself, anybody as an administrator, those of one's sessions as a proctor.

    Raises NOT_FOUND.
    """
    person = await storage.find(tx, person_id)
    if person is None or not await _may_see(tx, caller, person_id):
        raise no_such_person()
    if person_id == caller.person_id or Role.ADMINISTRATOR.value in caller.roles:
        return person
    return person.names_only()


async def list_all(
    tx: Transaction, page_size: int, page_token: str
) -> tuple[Sequence[Person], str]:
    """People by legal name, and the token of the next page. Raises INVALID_PAGE_TOKEN."""
    size = pages.size_of(page_size)
    tokens = await pages.tokens(tx)
    after = tokens.after(_LIST, page_token, str, UUID)
    found = await storage.page(tx, after, size + 1)
    return tokens.cut(_LIST, found, size, lambda person: (person.legal_name, person.person_id))


async def visible(
    tx: Transaction, caller: Caller, person_ids: Collection[UUID]
) -> Sequence[Person]:
    """Return the people whose names the caller may see, in the order of `person_ids`."""
    asked = frozenset(person_ids)
    if Role.ADMINISTRATOR.value in caller.roles:
        seen = asked
    else:
        seen = await _seen_in_sessions(tx, caller, asked)
    return _in_order(await storage.find_all(tx, seen), person_ids)


async def known(tx: Transaction, person_ids: Collection[UUID]) -> Sequence[Person]:
    """Return the people who exist, in the order of `person_ids`: for services, which may see everybody."""
    return _in_order(await storage.find_all(tx, frozenset(person_ids)), person_ids)


async def unknown(tx: Transaction, person_ids: Collection[UUID]) -> Sequence[UUID]:
    """Those of the ids that are nobody's, sorted."""
    asked = frozenset(person_ids)
    return sorted(asked - await storage.existing(tx, asked))


def _in_order(found: Iterable[Person], person_ids: Iterable[UUID]) -> list[Person]:
    by_id = {person.person_id: person for person in found}
    return [by_id[each] for each in dict.fromkeys(person_ids) if each in by_id]


async def _may_see(tx: Transaction, caller: Caller, person_id: UUID) -> bool:
    if person_id == caller.person_id or Role.ADMINISTRATOR.value in caller.roles:
        return True
    if caller.person_id is None or Role.PROCTOR.value not in caller.roles:
        return False
    return bool(await storage.seen_in_sessions(tx, caller.person_id, Part.PROCTOR, [person_id]))


async def _seen_in_sessions(
    tx: Transaction, caller: Caller, person_ids: frozenset[UUID]
) -> frozenset[UUID]:
    if caller.person_id is None:
        return frozenset()
    seen = person_ids & {caller.person_id}
    if Role.PROCTOR.value in caller.roles:
        seen |= await storage.seen_in_sessions(tx, caller.person_id, Part.PROCTOR, person_ids)
    if Role.LEARNER.value in caller.roles:
        seen |= await storage.seen_in_sessions(tx, caller.person_id, Part.LEARNER, person_ids)
    return seen
