"""Password hashes."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from proctorium_enrollment.storage.password_hashes import PasswordHashes


@pytest_asyncio.fixture
async def hashes() -> AsyncIterator[PasswordHashes]:
    created = PasswordHashes(memory_kib=64, passes=1)
    yield created
    await created.close()


async def test_hash_verifies_only_its_password(hashes: PasswordHashes) -> None:
    password_hash = await hashes.compute("lantern-orchid-74")
    assert password_hash.startswith("$argon2id$")
    assert await hashes.verify("lantern-orchid-74", password_hash)
    assert not await hashes.verify("lantern-orchid-75", password_hash)
    assert not await hashes.verify("lantern-orchid-74", None)
    assert not await hashes.verify("lantern-orchid-74", "not a hash")


async def test_placeholder_hash_verifies_no_password(hashes: PasswordHashes) -> None:
    assert not await hashes.verify("placeholder", None)


async def test_other_parameters_make_a_hash_outdated(hashes: PasswordHashes) -> None:
    newer = PasswordHashes(memory_kib=128, passes=1)
    password_hash = await hashes.compute("lantern-orchid-74")
    assert newer.is_outdated(password_hash)
    assert not hashes.is_outdated(password_hash)
    assert await newer.verify("lantern-orchid-74", password_hash)
    await newer.close()
