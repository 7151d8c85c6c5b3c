"""Background work of a service: periodic workers, and tasks that run until the service stops."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta

from proctorium_common.errors import ServiceError
from proctorium_common.telemetry.logs import get_logger
from proctorium_common.telemetry.traces import worker_run

_log = get_logger()

Run = Callable[[], Awaitable[None]]


class Worker:
    """Calls `run` repeatedly, with a pause of `every` between runs.

    A failed run is logged, and does not end the worker.
    """

    def __init__(self, name: str, every: timedelta, run: Run) -> None:
        self.name = name
        self._every = every.total_seconds()
        self._run = run
        self._stopping = asyncio.Event()
        self._failure: str | None = None

    async def probe(self) -> None:
        """Raise RuntimeError if the last run failed. The health check calls this method."""
        if self._failure is not None:
            raise RuntimeError(self._failure)

    def stop(self) -> None:
        """Prevent further runs. The method `run` returns when the current run has finished."""
        self._stopping.set()

    async def run(self) -> None:
        """Repeat runs until `stop` is called."""
        while not self._stopping.is_set():
            await self._once()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._every):
                    await self._stopping.wait()

    async def _once(self) -> None:
        try:
            with worker_run(f"worker {self.name}"):
                await self._run()
        except ServiceError as failure:
            self._failure = str(failure)
            _log.warning("worker_run_failed", worker=self.name, error=self._failure)
        except Exception as failure:  # noqa: BLE001 - the next run may succeed
            self._failure = repr(failure)
            _log.exception("worker_run_failed", worker=self.name)
        else:
            self._failure = None


class Background:
    """Runs a task that should never end, and restarts the task if it ends or fails."""

    def __init__(
        self, name: str, run: Run, *, restart_after: timedelta = timedelta(seconds=1)
    ) -> None:
        self.name = name
        self._run = run
        self._restart_seconds = restart_after.total_seconds()
        self._is_running = False

    async def probe(self) -> None:
        """Raise RuntimeError while the task is not running. The health check calls this method."""
        if not self._is_running:
            raise RuntimeError("is not running")

    async def run(self) -> None:
        """Run the task, and restart it each time that it ends or fails, until cancelled."""
        while True:
            self._is_running = True
            try:
                await self._run()
            except Exception:  # noqa: BLE001 - the task is restarted
                _log.exception("background_failed", part=self.name)
            finally:
                self._is_running = False
            await asyncio.sleep(self._restart_seconds)
