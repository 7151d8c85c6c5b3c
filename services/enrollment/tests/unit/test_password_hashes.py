"""Tests of password hashes."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from pydantic import ValidationError

from proctorium_enrollment.settings import Settings
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


def settings(memory: int) -> Settings:
    return Settings.model_validate(
        {
            "database_url": "postgresql://unused",
            "nats_url": "nats://unused",
            "master_key": "A" * 43 + "=",
            "password_hash_memory": memory,
        }
    )


async def test_setting_determines_the_memory_of_a_hash() -> None:
    created = settings(20).password_hashes()
    assert "$m=20480,t=2,p=1$" in await created.compute("lantern-orchid-74")
    await created.close()


def test_memory_below_the_recommended_minimum_is_refused() -> None:
    with pytest.raises(ValidationError, match="password_hash_memory"):
        settings(18)
