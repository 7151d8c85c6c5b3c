"""Access tokens as the running system would have signed them at another time: by its own signer, with its own key."""

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
"""A token that was over for less is still good: clocks differ."""


async def signed(stack: Stack, person_id: str, roles: Iterable[str], ago: timedelta) -> str:
    """Return the token that enrollment would have signed `ago` for a person with `roles`, with its stored key."""
    async with _enrollment(stack, ago) as (database, signing), database.transaction() as tx:
        signer = await signing.signer(tx)
        return signer.sign(UUID(person_id), roles).text


async def signed_for_all(stack: Stack, people: Sequence[UUID], roles: Iterable[str]) -> list[str]:
    """Return a token for each of `people`, who all hold `roles` and need not be registered."""
    held = list(roles)
    async with _enrollment(stack) as (database, signing), database.transaction() as tx:
        signer = await signing.signer(tx)
    return [signer.sign(person, held).text for person in people]


def almost_over(left: timedelta = timedelta(seconds=1.5)) -> timedelta:
    """How long ago that was signed which is good for `left` yet, or up to a second less: tokens have whole seconds."""
    return ACCESS_TOKEN_LIFETIME + LEEWAY - left


async def rotate(stack: Stack) -> str:
    """Make a new signing key, as the command `rotate-signing-key` does; return its id."""
    async with _enrollment(stack) as (database, signing):
        return await signing.rotate(database)


async def signed_by(stack: Stack, key_id: str, person_id: str, roles: Iterable[str]) -> str:
    """Return a token signed by one of enrollment's keys, whether or not it signs already."""
    async with _enrollment(stack) as (database, _), database.transaction() as tx:
        keys = await signing_keys.list_keys(tx)
    sealed = next(key.encrypted_seed for key in keys if key.key_id == key_id)
    seed = _encryption_keys(stack).signing_keys.decrypt(sealed, key_id)
    return TokenSigner(SigningKey(seed)).sign(UUID(person_id), roles).text


@asynccontextmanager
async def _enrollment(
    stack: Stack, ago: timedelta = timedelta()
) -> AsyncIterator[tuple[Database, Signing]]:
    """Enrollment's database and signer, `ago`."""
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
