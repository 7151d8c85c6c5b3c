"""The first administrator, who cannot be registered by another."""

from __future__ import annotations

from proctorium_common.storage.database import Database, Transaction
from proctorium_enrollment.domain import passwords
from proctorium_enrollment.domain.people import NewPerson, Person, Role, normalised_email
from proctorium_enrollment.operations import people, rights
from proctorium_enrollment.storage import accounts as storage
from proctorium_enrollment.storage.password_hashes import PasswordHashes


async def create_administrator(
    database: Database, hashes: PasswordHashes, email: str, legal_name: str, password: str
) -> Person:
    """The administrator with this address and password: registered, given the role or the password, where they were not;
    a disabled account is enabled.

    Doing it again changes nothing. Raises PASSWORD_TOO_WEAK, INVALID_REQUEST.
    """
    email = normalised_email(email)
    passwords.check(password, email)
    password = passwords.normalised(password)
    async with database.transaction() as tx:
        account = await storage.find(tx, email)
    async with hashes.permit(email):
        present = account is not None and await hashes.matches(password, account.password_hash)
        new_hash = None if present else await hashes.make(password)
    async with database.transaction() as tx:
        if account is None:
            new = NewPerson(legal_name, email, frozenset({Role.ADMINISTRATOR}))
            return await people.create(tx, new, new_hash)
        return await _make_administrator(tx, account.person, new_hash)


async def _make_administrator(tx: Transaction, person: Person, new_hash: str | None) -> Person:
    if new_hash is not None:
        await storage.set_password_hash(tx, person.person_id, new_hash)
        await rights.sign_out_everywhere(tx, person.person_id)
    await rights.enable(tx, None, person.person_id)
    return await rights.grant_role(tx, None, person.person_id, Role.ADMINISTRATOR)
