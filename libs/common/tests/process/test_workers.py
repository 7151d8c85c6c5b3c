"""Test workers, which run periodically and continue after a failed run."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from proctorium_common.errors import unavailable
from proctorium_common.process.workers import Background, Worker
from proctorium_common.tasks import end

SOON = timedelta(milliseconds=1)


class Runs:
    """The work of a worker. It counts the runs, and raises in a run whose number is in `failing`."""

    def __init__(self, *failing: int) -> None:
        self.count = 0
        self._failing = failing
        self._changed = asyncio.Condition()

    async def run(self) -> None:
        self.count += 1
        async with self._changed:
            self._changed.notify_all()
        if self.count in self._failing:
            raise unavailable("DATABASE_UNAVAILABLE", "Not now.")

    async def until(self, count: int) -> None:
        async with asyncio.timeout(5), self._changed:
            await self._changed.wait_for(lambda: self.count >= count)


async def test_failed_run_is_logged_and_the_worker_continues() -> None:
    runs = Runs(1)
    worker = Worker("reminders", SOON, runs.run)
    with capture_logs() as lines:
        running = asyncio.ensure_future(worker.run())
        await runs.until(3)
        worker.stop()
        await running
    assert [line["event"] for line in lines] == ["worker_run_failed"]
    assert lines[0]["worker"] == "reminders"


async def test_health_check_fails_after_a_failed_run() -> None:
    runs = Runs(1)
    worker = Worker("reminders", SOON, runs.run)
    with capture_logs():
        await worker._once()
        with pytest.raises(RuntimeError, match="Not now"):
            await worker.probe()
        await worker._once()
    await worker.probe()


async def test_stop_waits_for_the_current_run() -> None:
    started, finish = asyncio.Event(), asyncio.Event()
    ended: list[bool] = []

    async def run() -> None:
        started.set()
        await finish.wait()
        ended.append(True)

    worker = Worker("reminders", timedelta(hours=1), run)
    running = asyncio.ensure_future(worker.run())
    await started.wait()
    worker.stop()
    finish.set()
    await asyncio.wait_for(running, 5)
    assert ended == [True]


async def test_background_task_that_ends_is_restarted() -> None:
    runs = 0
    restarted = asyncio.Event()

    async def run() -> None:
        nonlocal runs
        runs += 1
        if runs == 1:
            raise RuntimeError("a fault")
        restarted.set()
        await asyncio.Event().wait()

    background = Background("relay", run, restart_after=SOON)
    with pytest.raises(RuntimeError, match="not running"):
        await background.probe()
    with capture_logs() as lines:
        running = asyncio.ensure_future(background.run())
        await asyncio.wait_for(restarted.wait(), 5)
    await background.probe()
    assert lines[0]["event"] == "background_failed"
    await end(running)
