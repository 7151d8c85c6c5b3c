"""Creating and reading people, and the rules for which people a caller may read (`P1`).

`operations/rights.py` contains the use cases of rights.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TypeVar
from uuid import UUID

from google.protobuf.message import Message

from proctorium_common.errors import already_exists
from proctorium_common.ids import new_id
from proctorium_common.rpc.caller import Caller
from proctorium_common.storage import pages
from proctorium_common.storage.database import Database, Transaction
from proctorium_common.storage.idempotency import Responder
from proctorium_enrollment import events
from proctorium_enrollment.domain import passwords
from proctorium_enrollment.domain.people import (
    NewPerson,
    Person,
    Role,
    no_such_person,
    normalise_email,
    person_from,
)
from proctorium_enrollment.domain.sessions import MemberRole
from proctorium_enrollment.storage import accounts, people
from proctorium_enrollment.storage.password_hashes import PasswordHashes

M = TypeVar("M", bound=Message)

_LIST = "people"
_ADMINISTRATORS = "administrators"


async def create_person(
    database: Database,
    hashes: PasswordHashes,
    caller: Caller,
    new: NewPerson,
    password: str,
    responder: Responder[Person, M],
) -> M:
    """Create a person.

    If the password is empty, the person cannot sign in until a password is set.

    Raises EMAIL_TAKEN, INVALID_REQUEST, PASSWORD_TOO_WEAK, TOO_MANY_AT_ONCE.
    """
    password_hash: str | None = None
    if password:
        passwords.require_strong(password, normalise_email(new.email))
        async with hashes.permit(caller.name):
            password_hash = await hashes.compute(passwords.normalise(password))

    async def run(tx: Transaction) -> Person:
        return await insert_person(tx, new, password_hash)

    return await database.respond(responder, run)


async def insert_person(tx: Transaction, new: NewPerson, password_hash: str | None) -> Person:
    """Insert a person, and the hash of the person's password unless it is None. Raises EMAIL_TAKEN, INVALID_REQUEST."""
    person = person_from(new_id(), new, tx.now)
    if not await people.insert_person(tx, person):
        raise already_exists(
            "EMAIL_TAKEN",
            "Another person is registered with this e-mail address. Look for them in the list of people.",
        )
    if password_hash is not None:
        await accounts.upsert_password_hash(tx, person.person_id, password_hash)
    tx.record(events.person_created(person))
    return person


async def get_person(database: Database, caller: Caller, person_id: UUID) -> Person:
    """Return a person. Raises NOT_FOUND if the person does not exist or the caller must not see the person.

    Administrators and the person receive all data of the person. Other callers receive only the names.
    """
    async with database.transaction() as tx:
        person = await people.get_person(tx, person_id)
        if person is None or not await _may_see(tx, caller, person_id):
            raise no_such_person()
    if person_id == caller.person_id or caller.is_administrator:
        return person
    return person.names_only()


async def list_people(
    database: Database, page_size: int, page_token: str
) -> tuple[Sequence[Person], str]:
    """Return a page of people, ordered by legal name, and the token of the next page. Raises INVALID_PAGE_TOKEN."""
    size = pages.effective_size(page_size)
    async with database.transaction() as tx:
        tokens = await pages.tokens(tx)
        after = tokens.after(_LIST, page_token, str, UUID)
        found = await people.list_people(tx, after, size + 1)
    return tokens.cut(_LIST, found, size, lambda person: (person.legal_name, person.person_id))


async def list_administrator_ids(
    database: Database, page_size: int, page_token: str
) -> tuple[Sequence[UUID], str]:
    """Return a page of the IDs of administrators, and the token of the next page. Raises INVALID_PAGE_TOKEN."""
    size = pages.effective_size(page_size)
    async with database.transaction() as tx:
        tokens = await pages.tokens(tx)
        after = tokens.after(_ADMINISTRATORS, page_token, UUID)
        found = await people.list_administrator_ids(tx, after[0] if after else None, size + 1)
    return tokens.cut(_ADMINISTRATORS, found, size, lambda person_id: (person_id,))


async def list_visible_people(
    database: Database, caller: Caller, person_ids: Collection[UUID]
) -> Sequence[Person]:
    """Return the people in `person_ids` whose names the caller may see, in the order of `person_ids`.

    A service may see the names of all people. The proto lists the services that may call the method.
    """
    async with database.transaction() as tx:
        visible = await _visible_ids(tx, caller, frozenset(person_ids))
        return _in_order(await people.list_people_by_ids(tx, visible), person_ids)


async def list_people_by_ids(database: Database, person_ids: Collection[UUID]) -> Sequence[Person]:
    """Return the existing people in `person_ids`, in the order of `person_ids`. Only services may call this."""
    async with database.transaction() as tx:
        found = await people.list_people_by_ids(tx, frozenset(person_ids))
    return _in_order(found, person_ids)


async def list_unknown_ids(database: Database, person_ids: Collection[UUID]) -> Sequence[UUID]:
    """Return the IDs in `person_ids` that do not belong to a person, sorted."""
    requested = frozenset(person_ids)
    async with database.transaction() as tx:
        return sorted(requested - await people.list_existing_ids(tx, requested))


def _in_order(found: Iterable[Person], person_ids: Iterable[UUID]) -> list[Person]:
    by_id = {person.person_id: person for person in found}
    return [by_id[each] for each in dict.fromkeys(person_ids) if each in by_id]


async def _may_see(tx: Transaction, caller: Caller, person_id: UUID) -> bool:
    if person_id == caller.person_id or caller.is_administrator:
        return True
    if caller.person_id is None or Role.PROCTOR not in caller.roles:
        return False
    return bool(
        await people.list_ids_visible_in_sessions(
            tx, caller.person_id, MemberRole.PROCTOR, [person_id]
        )
    )


async def _visible_ids(
    tx: Transaction, caller: Caller, person_ids: frozenset[UUID]
) -> frozenset[UUID]:
    if caller.is_administrator or caller.person_id is None:
        return person_ids
    visible = person_ids & {caller.person_id}
    for role in MemberRole:
        if role in caller.roles:
            visible |= await people.list_ids_visible_in_sessions(
                tx, caller.person_id, role, person_ids
            )
    return visible
