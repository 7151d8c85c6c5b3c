"""Test that public keys are stored and are available after a restart."""

from __future__ import annotations

from datetime import UTC, datetime

from proctorium_common.security.keys import SigningKey
from proctorium_common.storage.database import Database
from proctorium_common.storage.keys import DatabaseKeyStore


async def test_last_saved_keys_are_loaded(database: Database) -> None:
    store = DatabaseKeyStore(database)
    assert list(await store.load()) == []
    old, new = (SigningKey.generate().public for _ in range(2))
    await store.save([old])
    assert list(await store.load()) == [old]
    retired = type(old)(old.key_id, old.raw, datetime(2026, 4, 2, tzinfo=UTC))
    await store.save([retired, new])
    assert {key.key_id: key for key in await store.load()} == {
        old.key_id: retired,
        new.key_id: new,
    }
    await store.save([new])
    assert list(await store.load()) == [new]
