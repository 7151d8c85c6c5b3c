"""The base class of components. A component is a process that is started, becomes ready, and is stopped."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from pathlib import Path

from proctorium_devstack.processes import Command, ComponentFailedError, Process, describe_exit

_POLL_INTERVAL = 0.03


class UnknownComponentError(Exception):
    """A requested component does not exist."""


class Component(ABC):
    """One process of the stack.

    The components in `dependencies` must be ready before `prepare` is called. The components in `start_after` must be
    ready before `launch` is called.
    """

    start_timeout: float = 60.0
    stop_grace: float = 15.0

    def __init__(
        self,
        name: str,
        log: Path,
        dependencies: tuple[str, ...] = (),
        start_after: tuple[str, ...] = (),
    ) -> None:
        self.name = name
        self.log = log
        self.dependencies = dependencies
        self.start_after = start_after
        self._process: Process | None = None

    @abstractmethod
    def command(self) -> Command:
        """Return the command that starts the component."""

    @abstractmethod
    async def is_ready(self) -> bool:
        """Return whether the component is ready. This method is polled while the component starts."""

    async def prepare(self) -> None:  # noqa: B027 - most components have nothing to prepare
        """Create the files and databases that the component needs before its first launch."""

    async def on_ready(self) -> None:  # noqa: B027 - most components do nothing more
        """Run the last steps of a launch, which require that this component is ready."""

    @property
    def process(self) -> Process | None:
        """The process of the component, or None before the first launch."""
        return self._process

    async def start(self) -> None:
        """Prepare and launch the component."""
        await self.prepare()
        await self.launch()

    async def launch(self) -> None:
        """Start the process and wait until the component is ready.

        Raises ComponentFailedError if the process ends or the component is not ready in time.
        """
        await self._run()
        await self.on_ready()

    async def stop(self) -> None:
        """Send the stop signal to the process. If the process still runs after the grace period, kill it."""
        if self._process is not None:
            await self._process.stop(self.stop_grace)

    async def kill(self) -> None:
        """Send SIGKILL and wait until the process has ended."""
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
                raise ComponentFailedError(self.name, describe_exit(process.exit_code), self.log)
            if await self.is_ready():
                return
            await asyncio.sleep(_POLL_INTERVAL)
