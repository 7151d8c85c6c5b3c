"""What goes on beside calls: workers, which look again and again for what is due, and work that never ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta

from proctorium_common.errors import ServiceError
from proctorium_common.telemetry.logs import get_logger
from proctorium_common.telemetry.traces import worker_run

log = get_logger()

Run = Callable[[], Awaitable[None]]


class Worker:
    """Runs repeatedly with a pause of `every`. A run that raises is logged, and the next one tries again."""

    def __init__(self, name: str, every: timedelta, run: Run) -> None:
        self.name = name
        self._every = every.total_seconds()
        self._work = run
        self._stopping = asyncio.Event()
        self._failure: str | None = None

    async def probe(self) -> None:
        """Raise when the last run failed: what health reports."""
        if self._failure is not None:
            raise RuntimeError(self._failure)

    def stop(self) -> None:
        """Start no more runs; `run` returns when the current one has ended."""
        self._stopping.set()

    async def run(self) -> None:
        """Run until `stop`."""
        while not self._stopping.is_set():
            await self._once()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._every):
                    await self._stopping.wait()

    async def _once(self) -> None:
        try:
            with worker_run(f"worker {self.name}"):
                await self._work()
        except ServiceError as failure:
            self._failure = str(failure)
            log.warning("worker_run_failed", worker=self.name, error=self._failure)
        except Exception as failure:
            self._failure = repr(failure)
            log.exception("worker_run_failed", worker=self.name)
        else:
            self._failure = None


class Background:
    """Runs work that should never end, and restarts it if it does: an error must not stop it permanently."""

    def __init__(
        self, name: str, run: Run, *, restart_after: timedelta = timedelta(seconds=1)
    ) -> None:
        self.name = name
        self._run = run
        self._restart_seconds = restart_after.total_seconds()
        self._runs = False

    async def probe(self) -> None:
        """Raise while it is not running: what health reports."""
        if not self._runs:
            raise RuntimeError("is not running")

    async def run(self) -> None:
        """Run until it is cancelled."""
        while True:
            self._runs = True
            try:
                await self._run()
            except Exception:
                log.exception("background_failed", part=self.name)
            finally:
                self._runs = False
            await asyncio.sleep(self._restart_seconds)
