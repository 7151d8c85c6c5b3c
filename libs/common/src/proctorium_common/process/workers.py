"""What goes on beside calls: workers, which look again and again for what is due, and work that never ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta

from proctorium_common.errors import ServiceError
from proctorium_common.telemetry.logs import get_logger
from proctorium_common.telemetry.traces import turn

log = get_logger()

Turn = Callable[[], Awaitable[None]]


class Worker:
    """Runs one turn, then pauses for `every`. A turn that raises is logged and tried again at the next."""

    def __init__(self, name: str, every: timedelta, run: Turn) -> None:
        self.name = name
        self._every = every.total_seconds()
        self._turn = run
        self._stopping = asyncio.Event()
        self._failure: str | None = None

    async def probe(self) -> None:
        """Raises when the last turn failed: what health reports."""
        if self._failure is not None:
            raise RuntimeError(self._failure)

    def stop(self) -> None:
        """Begins no more turns; `run` returns when the one under way has ended."""
        self._stopping.set()

    async def run(self) -> None:
        """Turns until `stop`."""
        while not self._stopping.is_set():
            await self._once()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._every):
                    await self._stopping.wait()

    async def _once(self) -> None:
        try:
            with turn(f"worker {self.name}"):
                await self._turn()
        except ServiceError as failure:
            self._failure = str(failure)
            log.warning("worker_turn_failed", worker=self.name, error=self._failure)
        except Exception as failure:
            self._failure = repr(failure)
            log.exception("worker_turn_failed", worker=self.name)
        else:
            self._failure = None


class Background:
    """Runs what should never end, and begins it anew if it does: a fault in one part must not stop it for good."""

    def __init__(
        self, name: str, run: Turn, *, restart_after: timedelta = timedelta(seconds=1)
    ) -> None:
        self.name = name
        self._run = run
        self._restart_seconds = restart_after.total_seconds()
        self._runs = False

    async def probe(self) -> None:
        """Raises while it is not running: what health reports."""
        if not self._runs:
            raise RuntimeError("is not running")

    async def run(self) -> None:
        """Runs until it is cancelled."""
        while True:
            self._runs = True
            try:
                await self._run()
            except Exception:
                log.exception("background_failed", part=self.name)
            finally:
                self._runs = False
            await asyncio.sleep(self._restart_seconds)
