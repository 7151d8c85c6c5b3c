"""Creation of the first administrator.

The API cannot create the first administrator, because only administrators may create people.
"""

from __future__ import annotations

from proctorium_common.storage.database import Database
from proctorium_enrollment.domain import passwords
from proctorium_enrollment.domain.people import NewPerson, Person, Role, normalise_email
from proctorium_enrollment.operations.people import insert_person
from proctorium_enrollment.operations.rights import add_role, enable, revoke_sign_ins
from proctorium_enrollment.storage import accounts
from proctorium_enrollment.storage.password_hashes import PasswordHashes


async def create_administrator(
    database: Database, hashes: PasswordHashes, email: str, legal_name: str, password: str
) -> Person:
    """Make the person with this e-mail address an administrator, and return the person.

    Creates the person if necessary. Sets the password, enables the account and grants the role if necessary. A
    repetition changes nothing. Raises PASSWORD_TOO_WEAK, INVALID_REQUEST.
    """
    email = normalise_email(email)
    passwords.require_strong(password, email)
    password = passwords.normalise(password)
    async with database.transaction() as tx:
        account = await accounts.get_account(tx, email)
    async with hashes.permit(email):
        is_current = account is not None and await hashes.verify(password, account.password_hash)
        new_hash = None if is_current else await hashes.compute(password)
    async with database.transaction() as tx:
        if account is None:
            new = NewPerson(legal_name, email, frozenset({Role.ADMINISTRATOR}))
            return await insert_person(tx, new, new_hash)
        person_id = account.person.person_id
        if new_hash is not None:
            await accounts.upsert_password_hash(tx, person_id, new_hash)
            await revoke_sign_ins(tx, person_id)
        await enable(tx, None, person_id)
        return await add_role(tx, None, person_id, Role.ADMINISTRATOR)
