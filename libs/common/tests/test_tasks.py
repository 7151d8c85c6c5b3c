"""A task is ended, also one that did not hear it the first time."""

from __future__ import annotations

import asyncio

import pytest

from proctorium_common import tasks


async def test_an_ended_task_is_left_alone() -> None:
    done = asyncio.create_task(asyncio.sleep(0))
    await done
    await tasks.end(done)
    assert not done.cancelled()


async def test_what_a_task_raises_at_its_end_is_not_raised() -> None:
    async def fails() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise OSError("the connection is gone")

    failing = asyncio.create_task(fails())
    await asyncio.sleep(0)
    await tasks.end(failing)
    assert isinstance(failing.exception(), OSError)


async def test_a_cancellation_that_a_library_lost_is_said_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tasks, "_AGAIN_SECONDS", 0.01)
    came = asyncio.Event()
    turns = 0

    async def wait_for_ever() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.wait_for(came.wait(), 60)
            came.clear()

    waiting = asyncio.create_task(wait_for_ever())
    await asyncio.sleep(0.01)
    came.set()
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await tasks.end(waiting)
    assert waiting.cancelled()
    assert turns == 2, "the first cancellation was lost"
