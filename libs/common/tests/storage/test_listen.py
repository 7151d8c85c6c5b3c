"""Subscribers receive notices; after a lost connection they read again, so that no notice is missed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio
from sqlalchemy import make_url

from proctorium_common.storage.database import Database
from proctorium_common.storage.listen import Listener, Notifications
from proctorium_devstack.components.postgres import Postgres

from ..conftest import SAMPLE, Migrated
from ..process.gate import LAST_WORDS, gate_before


@pytest_asyncio.fixture
async def listener(database: Database) -> AsyncIterator[Listener]:
    made = Listener(database)
    yield made
    await made.close()


async def say(database: Database, channel: str, *payloads: str) -> None:
    async with database.transaction() as transaction:
        for payload in payloads:
            transaction.notify(channel, payload)


async def take(notices: Notifications) -> str | None:
    async with asyncio.timeout(10):
        return await anext(notices)


async def cut_listeners(postgres: Postgres, database: Database) -> None:
    superuser = await postgres.connect()
    name = database.url.rpartition("/")[2]
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND query LIKE 'LISTEN%'"
    assert await superuser.fetchval(cut, name)
    await superuser.close()


async def test_a_notice_comes_with_the_commit_to_every_subscriber_of_its_channel(
    database: Database, listener: Listener
) -> None:
    async with (
        listener.subscribe("one") as first,
        listener.subscribe("one") as second,
        listener.subscribe("two") as other,
    ):
        for notices in (first, second, other):
            assert await take(notices) is None, "every subscription starts with a read"
        await say(database, "one", "a", "b")
        await say(database, "two", "c")
        assert [await take(first), await take(first)] == ["a", "b"]
        assert [await take(second), await take(second)] == ["a", "b"]
        assert await take(other) == "c"


async def test_a_transaction_that_fails_notifies_nobody(
    database: Database, listener: Listener
) -> None:
    async with listener.subscribe("one") as notices:
        await take(notices)
        try:
            async with database.transaction() as transaction:
                transaction.notify("one", "never")
                raise LookupError
        except LookupError:
            await say(database, "one", "after")
        assert await take(notices) == "after"


async def test_after_the_connection_was_lost_everybody_is_woken_and_hears_again(
    database: Database, listener: Listener, postgres: Postgres
) -> None:
    async with listener.subscribe("one") as one, listener.subscribe("two") as two:
        assert (await take(one), await take(two)) == (None, None)
        await say(database, "one", "before")
        while await take(one) != "before":
            pass
        await two.wait(0)
        await cut_listeners(postgres, database)
        assert (await take(one), await take(two)) == (None, None)
        await say(database, "two", "after")
        assert await take(two) == "after"


async def test_it_hears_again_after_the_servers_last_word(
    migrated_database: Migrated,
    free_port: Callable[[], int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("proctorium_common.storage.listen._CHECK_SECONDS", 0.05)
    url = make_url(migrated_database(SAMPLE))
    assert url.host
    assert url.port
    async with gate_before(url.host, url.port, free_port()) as gate:
        await gate.open()
        direct = url.render_as_string(hide_password=False)
        through = url.set(port=gate.port).render_as_string(hide_password=False)
        database, behind = Database(direct), Database(through)
        listener = Listener(behind)
        async with listener.subscribe("one") as one:
            assert await take(one) is None
            await gate.say(LAST_WORDS)
            assert await take(one) is None, "the next connection has everybody look"
            await say(database, "one", "after")
            assert await take(one) == "after"
        await listener.close()
        await database.close()


async def test_wait_tells_whether_anything_came(database: Database, listener: Listener) -> None:
    async with listener.subscribe("one") as notices:
        assert await notices.wait(10)
        await say(database, "one", "a", "b")
        assert await notices.wait(10)
        assert not await notices.wait(0.01)


async def test_a_subscriber_that_is_far_behind_is_told_so_instead_of_filling_the_memory() -> None:
    notices = Notifications("one")
    for nth in range(10_001):
        notices.put(str(nth))
    assert await take(notices) is None
    assert not await notices.wait(0)


@pytest.mark.parametrize("steps", range(5))
async def test_a_notice_that_comes_with_the_end_does_not_hide_it(steps: int) -> None:
    notices = Notifications("one")

    async def wait_for_ever() -> None:
        while True:
            await notices.wait(60)

    waiting = asyncio.create_task(wait_for_ever())
    await asyncio.sleep(0.01)
    notices.put(None)
    for _ in range(steps):
        await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting], timeout=1)
    assert waiting.cancelled()
