"""The stack as a library: run one, or attach to one that runs.

async with Stack.running(folder, ports=PortPlan.free(), parts=["assessment"]) as stack:
stack.address("assessment")
await stack.kill("assessment")
await stack.ready("assessment")
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from proctorium_devstack.assembly import OPERATOR, Assembly, assemble, listeners_of, with_needs
from proctorium_devstack.folders import Folders
from proctorium_devstack.parts.certificates import KeyPair, issue, key_pair
from proctorium_devstack.ports import PortPlan
from proctorium_devstack.run_file import RunFile
from proctorium_devstack.supervisor import Supervisor, Tell


class NotRunningError(Exception):
    """There is no stack to attach to."""


class RunningStack:
    """A stack that a supervisor somewhere runs: its addresses, and the power to kill its processes."""

    def __init__(self, folders: Folders) -> None:
        self.folders = folders

    @classmethod
    def attach(cls, folder: Path | None = None) -> RunningStack:
        """The stack of the project, or that of `folder`. NotRunningError when there is none."""
        folders = Folders.at(folder)
        if not folders.is_held() or not folders.run_file.exists():
            raise NotRunningError(f"no stack runs on {folders.root}: start one with `make up`")
        return cls(folders)

    @property
    def state(self) -> RunFile:
        """How it is at this moment."""
        return RunFile.read(self.folders.run_file)

    def address(self, name: str) -> str:
        """`host:port` of a listener: edge, traces, mailbox, smtp, postgres, nats, portal, or a service."""
        return self.state.addresses[name]

    def url(self, name: str) -> str:
        """The address of something that speaks HTTP."""
        return f"http://{self.address(name)}"

    def pid(self, name: str) -> int | None:
        """The process of a part, None while it has none."""
        return self.state.parts[name].pid

    def identity(self, name: str = OPERATOR) -> KeyPair:
        """A certificate to call services with, past the edge; made if there is none of that name yet."""
        issue(self.folders.certificates, [name])
        return key_pair(self.folders.certificates, name)

    async def kill(self, name: str) -> None:
        """SIGKILL a part; its supervisor starts it again, await `ready` for that."""
        pid = self.pid(name)
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
            while self.pid(name) == pid:
                await asyncio.sleep(0.02)

    async def ready(self, name: str, timeout: float = 60.0) -> None:
        """Wait until a part is ready; TimeoutError after `timeout` seconds."""
        async with asyncio.timeout(timeout):
            while self.state.parts[name].state != "ready":
                await asyncio.sleep(0.05)


class Stack(RunningStack):
    """A stack that this process runs; it ends with the `async with`, and with this process however that ends."""

    def __init__(self, assembly: Assembly, tell: Tell) -> None:
        super().__init__(assembly.folders)
        self.assembly = assembly
        self._supervisor = Supervisor(assembly.parts.values(), tell, self._write)
        self._state = RunFile(
            supervisor=os.getpid(),
            folder=str(assembly.folders.root),
            addresses=assembly.addresses,
            certificates=str(assembly.folders.certificates),
        )

    @classmethod
    @asynccontextmanager
    async def running(
        cls,
        folder: Path | None = None,
        *,
        ports: PortPlan | None = None,
        parts: Iterable[str] | None = None,
        durable: bool = True,
        settings: Mapping[str, str] | None = None,
        tell: Tell = lambda _: None,
        announce: Callable[[Stack], None] = lambda _: None,
    ) -> AsyncIterator[Stack]:
        """Start the parts named (None: all) and those they need, and end them afterwards.

        `durable=False` (tests) trades safety at power loss for speed, and forgets the databases at the end; `settings` are environment variables for all services;
        `announce` is told the stack before its parts are started.
        Raises UnknownComponentError, PortError, AlreadyRunningError, PortsInUseError before anything is written or started, ComponentFailedError when a part does not become ready.
        """
        folders = Folders.at(folder)
        names = with_needs(parts)
        plan = ports or PortPlan.from_environment(os.environ)
        folders.require_unused()
        # Before anything is written: a refusal leaves nothing behind.
        plan.require_free(listeners_of(names))
        with folders.held():
            stack = cls(assemble(folders, plan, names, durable=durable, settings=settings), tell)
            folders.start_logs_afresh()
            announce(stack)
            try:
                await stack._supervisor.start_all()
                yield stack
            finally:
                await asyncio.shield(stack._end())

    @property
    def state(self) -> RunFile:
        """How it is at this moment."""
        return replace(self._state, parts=self._supervisor.statuses)

    async def kill(self, name: str) -> None:
        """SIGKILL a part; it is started again by itself, await `ready` for that."""
        await self._supervisor.kill(name)

    async def ready(self, name: str, timeout: float = 60.0) -> None:
        """Wait until a part is ready; TimeoutError after `timeout` seconds."""
        await self._supervisor.ready(name, timeout)

    async def stop(self, name: str) -> None:
        """End a part in order, and leave it ended until `start`."""
        await self._supervisor.stop(name)

    async def start(self, name: str) -> None:
        """Start a part that was stopped, and wait until it is ready."""
        await self._supervisor.start(name)

    async def restart(self, name: str) -> None:
        """End a part in order, start it again, and wait until it is ready."""
        await self._supervisor.restart(name)

    def database_url(self, service: str) -> str:
        """The database of a service, as the service sees it."""
        return self.assembly.postgres.url(service)

    def complete(self, sign_ins: tuple[tuple[str, str, str], ...]) -> None:
        """Say that all is there, with these sign-ins."""
        self._state = replace(self._state, complete=True, sign_ins=sign_ins)
        self._write()

    def kill_all(self) -> None:
        """SIGKILL for everything, for when there is no time left."""
        self._supervisor.kill_all()

    async def _end(self) -> None:
        await self._supervisor.stop_all()
        if not self.assembly.postgres.durable:
            self.assembly.postgres.forget()
        self.folders.run_file.unlink(missing_ok=True)

    def _write(self) -> None:
        self.state.write(self.folders.run_file)
