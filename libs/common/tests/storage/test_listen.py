"""Test that subscribers receive notifications, and are woken after a lost connection so that they miss no change."""

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
from ..process.gate import TERMINATION_MESSAGE, gate_before


@pytest_asyncio.fixture
async def listener(database: Database) -> AsyncIterator[Listener]:
    created = Listener(database)
    yield created
    await created.close()


async def notify(database: Database, channel: str, *payloads: str) -> None:
    async with database.transaction() as transaction:
        for payload in payloads:
            transaction.notify(channel, payload)


async def receive(notices: Notifications) -> str | None:
    async with asyncio.timeout(10):
        return await anext(notices)


async def terminate_listeners(postgres: Postgres, database: Database) -> None:
    superuser = await postgres.connect()
    name = database.url.rpartition("/")[2]
    terminate = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND query LIKE 'LISTEN%'"
    assert await superuser.fetchval(terminate, name)
    await superuser.close()


async def test_notification_reaches_every_subscriber_of_its_channel_on_commit(
    database: Database, listener: Listener
) -> None:
    async with (
        listener.subscribe("one") as first,
        listener.subscribe("one") as second,
        listener.subscribe("two") as other,
    ):
        for notices in (first, second, other):
            assert await receive(notices) is None, "every subscription starts with a read"
        await notify(database, "one", "a", "b")
        await notify(database, "two", "c")
        assert [await receive(first), await receive(first)] == ["a", "b"]
        assert [await receive(second), await receive(second)] == ["a", "b"]
        assert await receive(other) == "c"


async def test_failed_transaction_sends_no_notification(
    database: Database, listener: Listener
) -> None:
    async with listener.subscribe("one") as notices:
        await receive(notices)
        try:
            async with database.transaction() as transaction:
                transaction.notify("one", "never")
                raise LookupError
        except LookupError:
            await notify(database, "one", "after")
        assert await receive(notices) == "after"


async def test_subscribers_are_woken_and_resume_after_a_lost_connection(
    database: Database, listener: Listener, postgres: Postgres
) -> None:
    async with listener.subscribe("one") as one, listener.subscribe("two") as two:
        assert (await receive(one), await receive(two)) == (None, None)
        await notify(database, "one", "before")
        while await receive(one) != "before":
            pass
        await two.wait(0)
        await terminate_listeners(postgres, database)
        assert (await receive(one), await receive(two)) == (None, None)
        await notify(database, "two", "after")
        assert await receive(two) == "after"


async def test_listener_reconnects_after_a_termination_message(
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
        database, through_gate = Database(direct), Database(through)
        listener = Listener(through_gate)
        async with listener.subscribe("one") as one:
            assert await receive(one) is None
            await gate.send(TERMINATION_MESSAGE)
            assert await receive(one) is None, "the next connection makes subscribers read again"
            await notify(database, "one", "after")
            assert await receive(one) == "after"
        await listener.close()
        await database.close()


async def test_wait_returns_whether_a_notification_arrived(
    database: Database, listener: Listener
) -> None:
    async with listener.subscribe("one") as notices:
        assert await notices.wait(10)
        await notify(database, "one", "a", "b")
        assert await notices.wait(10)
        assert not await notices.wait(0.01)


async def test_subscriber_far_behind_reads_again_instead_of_queueing() -> None:
    notices = Notifications("one")
    for nth in range(10_001):
        notices.put(str(nth))
    assert await receive(notices) is None
    assert not await notices.wait(0)


@pytest.mark.parametrize("steps", range(5))
async def test_notification_does_not_hide_a_cancellation(steps: int) -> None:
    notices = Notifications("one")

    async def wait_forever() -> None:
        while True:
            await notices.wait(60)

    waiting = asyncio.create_task(wait_forever())
    await asyncio.sleep(0.01)
    notices.put(None)
    for _ in range(steps):
        await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting], timeout=1)
    assert waiting.cancelled()
