"""What every part of the stack has in common: a process that is started, becomes ready, and is stopped."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from pathlib import Path

from proctorium_devstack.processes import Command, ComponentFailedError, Process

_LOOK_EVERY = 0.03


class Part(ABC):
    """One process of the stack.

    `needs` names the parts that must be ready before it is prepared, `after` those that must be ready before it is launched.
    """

    start_timeout: float = 60.0
    stop_grace: float = 15.0

    def __init__(
        self, name: str, log: Path, needs: tuple[str, ...] = (), after: tuple[str, ...] = ()
    ) -> None:
        self.name = name
        self.log = log
        self.needs = needs
        self.after = after
        self._process: Process | None = None

    @abstractmethod
    def command(self) -> Command:
        """What to run."""

    @abstractmethod
    async def answers(self) -> bool:
        """Whether it does its work; asked again and again while it starts."""

    async def prepare(self) -> None:  # noqa: B027 - most parts have nothing to prepare
        """What has to be there before it is launched for the first time."""

    async def settle(self) -> None:  # noqa: B027 - most parts are done when they answer
        """What others expect of it once it answers; done at every launch."""

    @property
    def process(self) -> Process | None:
        """Its process while there is one."""
        return self._process

    async def start(self) -> None:
        """Prepare and launch it."""
        await self.prepare()
        await self.launch()

    async def launch(self) -> None:
        """Run it and wait until it is ready; ComponentFailedError when it ends or is not ready in time."""
        await self._run()
        await self.settle()

    async def stop(self) -> None:
        """Ask it to end, and after the grace end it."""
        if self._process is not None:
            await self._process.stop(self.stop_grace)

    async def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        if self._process is not None:
            self._process.kill()
            await self._process.wait()

    async def _run(self) -> None:
        process = self._process = Process(self.command())
        try:
            async with asyncio.timeout(self.start_timeout):
                await self._until_ready(process)
        except TimeoutError:
            await self.kill()
            raise ComponentFailedError(
                self.name, f"not ready after {self.start_timeout:.0f} s", self.log
            ) from None
        except asyncio.CancelledError:
            process.kill()
            raise

    async def _until_ready(self, process: Process) -> None:
        while True:
            if process.exit_code is not None:
                raise ComponentFailedError(self.name, f"ended with {process.exit_code}", self.log)
            if await self.answers():
                return
            await asyncio.sleep(_LOOK_EVERY)
