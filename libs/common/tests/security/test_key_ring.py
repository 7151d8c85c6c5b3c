"""The key ring: where keys come from, how often the signer is asked, and what is kept over a restart."""

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
    """Answers with its keys, or not at all."""

    def __init__(self, *keys: PublicKey) -> None:
        self.keys = keys
        self.away = False
        self.asked = 0

    async def fetch(self) -> Sequence[PublicKey]:
        self.asked += 1
        await asyncio.sleep(0)
        if self.away:
            raise unavailable("DEPENDENCY_UNAVAILABLE", "away")
        return self.keys


class KeptKeys:
    """A store in memory; one that is broken raises."""

    def __init__(self, *keys: PublicKey) -> None:
        self.keys: Sequence[PublicKey] = keys
        self.broken = False

    async def load(self) -> Sequence[PublicKey]:
        return self.keys

    async def save(self, keys: Sequence[PublicKey]) -> None:
        if self.broken:
            raise unavailable("DATABASE_UNAVAILABLE", "away")
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


async def test_a_new_key_is_asked_for_when_a_token_names_it() -> None:
    signer = Signer(OLD)
    ring = KeyRing(signer.fetch, clock=(clock := Clock()))
    await ring.refresh()
    signer.keys = (OLD, NEW)
    clock.now += timedelta(seconds=11)
    key, _ = await ring.find(NEW.key_id)
    assert key == NEW
    assert signer.asked == 2


async def test_invented_key_ids_cost_the_signer_nothing() -> None:
    signer = Signer(OLD)
    ring = KeyRing(signer.fetch, clock=Clock())
    reasons = {await _reason(ring, f"invented-{n}") for n in range(50)}
    assert reasons == {"TOKEN_INVALID"}
    assert signer.asked == 1


async def test_many_who_ask_at_once_ask_the_signer_once() -> None:
    signer = Signer(OLD)
    ring = KeyRing(signer.fetch, clock=Clock())
    found = await asyncio.gather(*(ring.find(OLD.key_id) for _ in range(20)))
    assert {key for key, _ in found} == {OLD}
    assert signer.asked == 1


async def test_while_the_signer_is_away_known_keys_are_good_and_unknown_ones_are_not_judged() -> (
    None
):
    signer = Signer(OLD)
    ring = KeyRing(signer.fetch, clock=(clock := Clock()))
    await ring.refresh()
    signer.away = True
    clock.now += timedelta(minutes=1)
    assert (await ring.find(OLD.key_id))[0] == OLD
    assert await _reason(ring, NEW.key_id) == "KEYS_UNAVAILABLE"


async def test_a_restart_takes_the_keys_that_were_kept() -> None:
    kept = KeptKeys()
    await KeyRing(Signer(OLD).fetch, store=kept).refresh()
    away = Signer()
    away.away = True
    ring = KeyRing(away.fetch, store=kept)
    before = ring.present
    await ring.load()
    assert (before, ring.present) == (False, True)
    assert (await ring.find(OLD.key_id))[0] == OLD
    assert away.asked == 0


async def test_what_was_kept_does_not_replace_what_is_fresher() -> None:
    ring = KeyRing(Signer(NEW).fetch, store=KeptKeys(OLD), clock=Clock())
    await ring.refresh()
    await ring.load()
    assert (await ring.find(NEW.key_id))[0] == NEW
    assert await _reason(ring, OLD.key_id) == "TOKEN_INVALID"


async def test_keys_that_could_not_be_kept_are_kept_the_next_time() -> None:
    kept = KeptKeys()
    kept.broken = True
    ring = KeyRing(Signer(OLD).fetch, store=kept)
    assert await ring.refresh()
    assert ring.present
    kept.broken = False
    await ring.refresh()
    assert kept.keys == (OLD,)


async def test_a_signer_without_keys_makes_nobody_forget_theirs() -> None:
    signer = Signer(OLD)
    ring = KeyRing(signer.fetch)
    await ring.refresh()
    signer.keys = ()
    assert not await ring.refresh()
    assert (await ring.find(OLD.key_id))[0] == OLD


async def test_keys_are_fetched_in_the_background_again_and_again() -> None:
    signer = Signer(OLD)
    ring = KeyRing(signer.fetch, refresh_every=timedelta(milliseconds=1))
    fresh = asyncio.ensure_future(ring.keep_fresh())
    async with asyncio.timeout(5):
        while signer.asked < 3:
            await asyncio.sleep(0.001)
    await end(fresh)
    assert ring.present
