"""Sign access tokens with the keys of the running system. A token can have an issue time in the past."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID

from proctorium_common.security.encryption import MasterKey
from proctorium_common.security.keys import SigningKey
from proctorium_common.security.tokens import TokenSigner
from proctorium_common.storage.database import Database
from proctorium_devstack.stack import Stack
from proctorium_enrollment.operations.signing import ACCESS_TOKEN_LIFETIME, Signing
from proctorium_enrollment.storage import signing_keys
from proctorium_enrollment.storage.encryption import EncryptionKeys

LEEWAY = timedelta(seconds=30)
"""The time for which services still accept an expired token, because clocks differ."""


async def sign_token(stack: Stack, person_id: str, roles: Iterable[str], ago: timedelta) -> str:
    """Return a token for a person with `roles`, signed with the key of enrollment and issued `ago` in the past."""
    async with _enrollment(stack, ago) as (database, signing), database.transaction() as tx:
        signer = await signing.signer(tx)
        return signer.sign(UUID(person_id), roles).text


async def sign_tokens(stack: Stack, people: Sequence[UUID], roles: Iterable[str]) -> list[str]:
    """Return one token with `roles` for each person id in `people`; the people need not be registered."""
    all_roles = list(roles)
    async with _enrollment(stack) as (database, signing), database.transaction() as tx:
        signer = await signing.signer(tx)
    return [signer.sign(person, all_roles).text for person in people]


def nearly_expired(left: timedelta = timedelta(seconds=1.5)) -> timedelta:
    """Return the age of a token that services accept only for the time `left`, or for up to one second less."""
    return ACCESS_TOKEN_LIFETIME + LEEWAY - left


async def rotate_signing_key(stack: Stack) -> str:
    """Create a new signing key, as enrollment's command for key rotation does; return the id of the key."""
    async with _enrollment(stack) as (database, signing):
        return await signing.rotate(database)


async def sign_token_with(stack: Stack, key_id: str, person_id: str, roles: Iterable[str]) -> str:
    """Return a token that is signed with the stored key `key_id`, even if enrollment does not use this key yet."""
    async with _enrollment(stack) as (database, _), database.transaction() as tx:
        keys = await signing_keys.list_keys(tx)
    encrypted = next(key.encrypted_seed for key in keys if key.key_id == key_id)
    seed = _encryption_keys(stack).signing_keys.decrypt(encrypted, key_id)
    return TokenSigner(SigningKey(seed)).sign(UUID(person_id), roles).text


@asynccontextmanager
async def _enrollment(
    stack: Stack, ago: timedelta = timedelta()
) -> AsyncIterator[tuple[Database, Signing]]:
    """Yield the database and the signing operations of enrollment. The clock of the database is slow by `ago`."""
    database = Database(
        stack.database_url("enrollment"), clock=lambda: datetime.now(UTC) - ago, pool_size=1
    )
    try:
        yield database, Signing(_encryption_keys(stack).signing_keys)
    finally:
        await database.close()


def _encryption_keys(stack: Stack) -> EncryptionKeys:
    master_key = (stack.data_folder.component_folder("enrollment") / "master.key").read_text(
        "ascii"
    )
    return EncryptionKeys.derive(MasterKey.parse(master_key))
