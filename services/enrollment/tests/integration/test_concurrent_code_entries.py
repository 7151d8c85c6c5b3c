"""Tests of code entries in concurrent transactions, as in two replicas."""

from __future__ import annotations

import asyncio

from sqlalchemy import select, text

from proctorium_common.ids import new_id
from proctorium_common.storage.database import Transaction
from proctorium_devstack.testing.waiting import until
from proctorium_enrollment.operations.code_resolution import (
    CodeEntry,
    CodeResolution,
    Resolution,
)
from proctorium_enrollment.storage.tables import failed_entries

from .harness import Harness

_WAITING = text(
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE datname = current_database() AND wait_event_type = 'Lock'"
)


async def waits_for_a_lock(harness: Harness, task: asyncio.Task[Resolution]) -> bool:
    """Return True when the task waits for the lock of another transaction, and False if the task finishes first."""

    async def waits_or_ended() -> bool:
        return task.done() or (await harness.rows(_WAITING))[0][0] > 0

    await until(waits_or_ended)
    return not task.done()


async def test_concurrent_failed_entries_all_count_for_their_network(
    harness: Harness,
) -> None:
    keys = harness.service.settings.encryption_keys()
    replicas = [CodeResolution(harness.database, keys.codes, keys.throttling) for _ in range(2)]
    address = "198.51.100.44"

    async def guess(tx: Transaction, replica: CodeResolution) -> Resolution:
        (resolution,) = await replica.resolve_in_transaction(
            tx, [CodeEntry("zZzZ9999", new_id(), address)]
        )
        return resolution

    async def guess_concurrently() -> Resolution:
        async with harness.database.transaction() as tx:
            return await guess(tx, replicas[1])

    async with harness.database.transaction() as tx:
        first = await guess(tx, replicas[0])
        guessing = asyncio.create_task(guess_concurrently())
        assert await waits_for_a_lock(harness, guessing)
    assert first == await guessing == Resolution(None)
    digest = keys.throttling.blind_index(f"code_network:{address}")
    counted = select(failed_entries.c.failures).where(failed_entries.c.digest == digest)
    assert [row.failures for row in await harness.rows(counted)] == [2]
