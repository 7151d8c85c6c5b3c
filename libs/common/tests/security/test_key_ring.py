"""Test that a key ring fetches keys, limits its requests, and uses stored keys after a restart."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from proctorium_common.errors import ServiceError, unavailable
from proctorium_common.security.keys import KeyRing, PublicKey, SigningKey
from proctorium_common.tasks import end

OLD = SigningKey(b"o" * 32).public
NEW = SigningKey(b"n" * 32).public


class Signer:
    """A fake of the service that signs tokens. It returns `keys`, or raises while `unreachable` is set."""

    def __init__(self, *keys: PublicKey) -> None:
        self.keys = keys
        self.unreachable = False
        self.requests = 0

    async def fetch(self) -> Sequence[PublicKey]:
        self.requests += 1
        await asyncio.sleep(0)
        if self.unreachable:
            raise unavailable("DEPENDENCY_UNAVAILABLE", "unreachable")
        return self.keys


class KeyStoreInMemory:
    """A key store in memory. It raises when keys are saved while `broken` is set."""

    def __init__(self, *keys: PublicKey) -> None:
        self.keys: Sequence[PublicKey] = keys
        self.broken = False

    async def load(self) -> Sequence[PublicKey]:
        return self.keys

    async def save(self, keys: Sequence[PublicKey]) -> None:
        if self.broken:
            raise unavailable("DATABASE_UNAVAILABLE", "unreachable")
        self.keys = keys


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 4, 2, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


async def _reason(ring: KeyRing, key_id: str) -> str:
    with pytest.raises(ServiceError) as refused:
        await ring.find(key_id)
    return refused.value.reason


async def test_new_key_is_fetched_when_a_token_names_it() -> None:
    signer = Signer(OLD)
    ring = KeyRing(signer.fetch, clock=(clock := Clock()))
    await ring.refresh()
    signer.keys = (OLD, NEW)
    clock.now += timedelta(seconds=11)
    key, _ = await ring.find(NEW.key_id)
    assert key == NEW
    assert signer.requests == 2


async def test_unknown_key_ids_cause_one_request() -> None:
    signer = Signer(OLD)
    ring = KeyRing(signer.fetch, clock=Clock())
    reasons = {await _reason(ring, f"invented-{n}") for n in range(50)}
    assert reasons == {"TOKEN_INVALID"}
    assert signer.requests == 1


async def test_concurrent_lookups_cause_one_request() -> None:
    signer = Signer(OLD)
    ring = KeyRing(signer.fetch, clock=Clock())
    found = await asyncio.gather(*(ring.find(OLD.key_id) for _ in range(20)))
    assert {key for key, _ in found} == {OLD}
    assert signer.requests == 1


async def test_known_keys_are_valid_while_the_signer_is_unreachable() -> None:
    signer = Signer(OLD)
    ring = KeyRing(signer.fetch, clock=(clock := Clock()))
    await ring.refresh()
    signer.unreachable = True
    clock.now += timedelta(minutes=1)
    assert (await ring.find(OLD.key_id))[0] == OLD
    assert await _reason(ring, NEW.key_id) == "KEYS_UNAVAILABLE"


async def test_stored_keys_are_loaded_after_a_restart() -> None:
    store = KeyStoreInMemory()
    await KeyRing(Signer(OLD).fetch, store=store).refresh()
    unreachable = Signer()
    unreachable.unreachable = True
    ring = KeyRing(unreachable.fetch, store=store)
    before = ring.has_keys
    await ring.load()
    assert (before, ring.has_keys) == (False, True)
    assert (await ring.find(OLD.key_id))[0] == OLD
    assert unreachable.requests == 0


async def test_stored_keys_do_not_replace_newer_ones() -> None:
    ring = KeyRing(Signer(NEW).fetch, store=KeyStoreInMemory(OLD), clock=Clock())
    await ring.refresh()
    await ring.load()
    assert (await ring.find(NEW.key_id))[0] == NEW
    assert await _reason(ring, OLD.key_id) == "TOKEN_INVALID"


async def test_keys_that_could_not_be_stored_are_stored_later() -> None:
    store = KeyStoreInMemory()
    store.broken = True
    ring = KeyRing(Signer(OLD).fetch, store=store)
    assert await ring.refresh()
    assert ring.has_keys
    store.broken = False
    await ring.refresh()
    assert store.keys == (OLD,)


async def test_empty_response_does_not_remove_known_keys() -> None:
    signer = Signer(OLD)
    ring = KeyRing(signer.fetch)
    await ring.refresh()
    signer.keys = ()
    assert not await ring.refresh()
    assert (await ring.find(OLD.key_id))[0] == OLD


async def test_keys_are_fetched_periodically_in_the_background() -> None:
    signer = Signer(OLD)
    ring = KeyRing(signer.fetch, refresh_every=timedelta(milliseconds=1))
    refreshing = asyncio.ensure_future(ring.keep_fresh())
    async with asyncio.timeout(5):
        while signer.requests < 3:
            await asyncio.sleep(0.001)
    await end(refreshing)
    assert ring.has_keys
