from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from proctorium_enrollment.storage.password_hashes import PasswordHashes


@pytest_asyncio.fixture
async def hashes() -> AsyncIterator[PasswordHashes]:
    made = PasswordHashes(memory_kib=64, passes=1)
    yield made
    await made.close()


async def test_a_hash_knows_its_password_and_no_other(hashes: PasswordHashes) -> None:
    made = await hashes.make("lantern-orchid-74")
    assert made.startswith("$argon2id$")
    assert await hashes.matches("lantern-orchid-74", made)
    assert not await hashes.matches("lantern-orchid-75", made)
    assert not await hashes.matches("lantern-orchid-74", None)
    assert not await hashes.matches("lantern-orchid-74", "not a hash")


async def test_the_hash_of_nobody_matches_nobody(hashes: PasswordHashes) -> None:
    assert not await hashes.matches("the password of nobody", None)


async def test_other_parameters_make_a_hash_outdated(hashes: PasswordHashes) -> None:
    newer = PasswordHashes(memory_kib=128, passes=1)
    made = await hashes.make("lantern-orchid-74")
    assert newer.outdated(made)
    assert not hashes.outdated(made)
    assert await newer.matches("lantern-orchid-74", made)
    await newer.close()
