"""Tests of the storage and rotation of signing keys, and verification of tokens."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from datetime import UTC

import pytest
from sqlalchemy import select

from proctorium.enrollment.v1.accounts_pb2 import (
    GetMeRequest,
    ListSigningKeysRequest,
)
from proctorium_common.security.encryption import DecryptionError, EncryptionKey
from proctorium_common.security.keys import KeyRing, PublicKey
from proctorium_common.security.tokens import TokenVerifier
from proctorium_common.storage.database import Database
from proctorium_common.storage.tables import signing_keys
from proctorium_devstack.components.nats import Nats
from proctorium_devstack.testing import MigratedDatabase, Servers
from proctorium_devstack.testing.assessment import FakeAssessment
from proctorium_enrollment.operations.bootstrap import create_administrator
from proctorium_enrollment.operations.signing import ACTIVATION_DELAY, Signing
from proctorium_enrollment.storage.password_hashes import PasswordHashes

from .harness import PASSWORD, Harness, sign_in

EMAIL = "amara@example.org"


@pytest.fixture
async def isolated(migrated_database: MigratedDatabase, own_nats: Nats) -> AsyncIterator[Harness]:
    """Yield enrollment with a separate database, so that the test may change the keys."""
    servers = Servers(migrated_database("proctorium_enrollment"), own_nats)
    async with (
        FakeAssessment.serving(own_nats.certificates_of("assessment")) as assessment,
        Harness(servers, assessment).replica() as harness,
    ):
        yield harness


async def keys_in_use(harness: Harness) -> list[PublicKey]:
    listed = await harness.anonymous.accounts.ListSigningKeys(ListSigningKeysRequest())
    return [
        PublicKey(
            key.key_id,
            key.public_key,
            key.retire_time.ToDatetime(UTC) if key.HasField("retire_time") else None,
        )
        for key in listed.keys
    ]


async def access_token(harness: Harness, email: str) -> str:
    return (await sign_in(harness, email)).tokens.access_token


async def rotate(harness: Harness) -> str:
    signing = Signing(harness.service.settings.encryption_keys().signing_keys)
    return await signing.rotate(harness.database)


async def test_tokens_can_be_verified_offline_with_the_listed_keys(harness: Harness) -> None:
    person = await harness.person("proctor", password=PASSWORD)
    keys = await keys_in_use(harness)
    assert len(keys) == 1
    assert len(keys[0].raw) == 32
    verifier = TokenVerifier(KeyRing.of(*keys), clock=harness.clock)
    caller = await verifier.verify(await access_token(harness, person.email))
    assert str(caller.person_id) == person.person_id
    assert caller.roles == {"proctor"}


async def test_seed_is_stored_encrypted(harness: Harness) -> None:
    await keys_in_use(harness)
    (row,) = await harness.rows(select(signing_keys.c.encrypted_seed, signing_keys.c.key_id))
    key = harness.service.settings.encryption_keys().signing_keys
    seed = key.decrypt(row.encrypted_seed, row.key_id)
    assert len(seed) == 32
    assert seed not in row.encrypted_seed
    with pytest.raises(DecryptionError):
        EncryptionKey(os.urandom(32)).decrypt(row.encrypted_seed, row.key_id)


async def test_replicas_that_start_concurrently_create_one_key(
    migrated_database: Callable[[str], str],
) -> None:
    url = migrated_database("proctorium_enrollment")
    key = EncryptionKey(os.urandom(32))
    databases = [Database(url) for _ in range(5)]
    rings = await asyncio.gather(*(Signing(key).public_keys(database) for database in databases))
    assert len({ring[0].key_id for ring in rings}) == 1
    assert {len(ring) for ring in rings} == {1}
    for database in databases:
        await database.close()


async def test_check_finds_another_master_key(
    migrated_database: Callable[[str], str],
) -> None:
    database = Database(migrated_database("proctorium_enrollment"))
    key = EncryptionKey(os.urandom(32))
    await Signing(key).public_keys(database)
    await Signing(key).check_master_key(database)
    with pytest.raises(DecryptionError, match="PROCTORIUM_MASTER_KEY"):
        await Signing(EncryptionKey(os.urandom(32))).check_master_key(database)
    await database.close()


async def test_database_without_migrations_makes_keys_unavailable(empty_database: str) -> None:
    database = Database(empty_database)
    ring = KeyRing(lambda: Signing(EncryptionKey(os.urandom(32))).public_keys(database))
    assert not await ring.refresh()
    await database.close()


async def test_new_key_is_listed_before_it_is_active_and_the_old_one_retires_afterwards(
    isolated: Harness,
) -> None:
    harness = isolated
    person = await harness.person(password=PASSWORD)
    (old,) = await keys_in_use(harness)
    harness.clock.move(hours=1)
    before = await access_token(harness, person.email)
    new_id = await rotate(harness)

    keys = {key.key_id: key for key in await keys_in_use(harness)}
    assert set(keys) == {old.key_id, new_id}
    assert keys[new_id].retire_time is None
    retires = keys[old.key_id].retire_time
    assert retires is not None
    assert retires > harness.clock.now + ACTIVATION_DELAY
    assert old.key_id in header_of(await access_token(harness, person.email))

    harness.clock.move(minutes=7)
    after = await access_token(harness, person.email)
    assert new_id in header_of(after)
    verifier = TokenVerifier(KeyRing.of(*keys.values()), clock=harness.clock)
    assert (await verifier.verify(before)).person_id == (await verifier.verify(after)).person_id

    harness.clock.move(hours=1)
    assert [key.key_id for key in await keys_in_use(harness)] == [new_id]


def header_of(token: str) -> str:
    import base64

    head = token.split(".", maxsplit=1)[0]
    return base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)).decode()


async def test_enrollment_trusts_the_tokens_that_it_signs(isolated: Harness) -> None:
    isolated.keys = None
    hashes = PasswordHashes(memory_kib=64, passes=1)
    async with isolated.replica() as harness:
        await create_administrator(harness.database, hashes, EMAIL, "Amara Okafor", PASSWORD)
        signed_in = await sign_in(harness, EMAIL)
        bearer = (("authorization", f"Bearer {signed_in.tokens.access_token}"),)
        response = await harness.anonymous.accounts.GetMe(GetMeRequest(), metadata=bearer)
    await hashes.close()
    assert response.person.email == EMAIL
