"""Test that tasks are ended even if a library suppresses their cancellation."""

from __future__ import annotations

import asyncio

import pytest

from proctorium_common import tasks


async def test_finished_task_is_not_cancelled() -> None:
    done = asyncio.create_task(asyncio.sleep(0))
    await done
    await tasks.end(done)
    assert not done.cancelled()


async def test_error_of_an_ending_task_is_not_raised() -> None:
    async def fails() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise OSError("the connection is gone")

    failing = asyncio.create_task(fails())
    await asyncio.sleep(0)
    await tasks.end(failing)
    assert isinstance(failing.exception(), OSError)


async def test_swallowed_cancellation_is_repeated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tasks, "_RETRY_SECONDS", 0.01)
    changed = asyncio.Event()
    waits = 0

    async def wait_forever() -> None:
        nonlocal waits
        while True:
            waits += 1
            await asyncio.wait_for(changed.wait(), 60)
            changed.clear()

    waiting = asyncio.create_task(wait_forever())
    await asyncio.sleep(0.01)
    changed.set()
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await tasks.end(waiting)
    assert waiting.cancelled()
    assert waits == 2, "the first cancellation was lost"
