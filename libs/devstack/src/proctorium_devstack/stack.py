"""Classes that run a stack in this process, or control a stack that runs in another process.

Example::

    async with Stack.running(folder, ports=PortPlan.free(), components=["assessment"]) as stack:
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

from proctorium_common.events.permissions import DECLARER
from proctorium_devstack.assembly import (
    OPERATOR,
    Assembly,
    assemble,
    listeners_of,
    with_dependencies,
)
from proctorium_devstack.components.certificates import KeyPair, issue, key_pair
from proctorium_devstack.components.nats import SERVER as NATS
from proctorium_devstack.data_folder import DataFolder
from proctorium_devstack.environment import PORTAL
from proctorium_devstack.ports import PortPlan
from proctorium_devstack.run_file import RunFile
from proctorium_devstack.supervisor import EventListener, Supervisor


class NotRunningError(Exception):
    """No stack uses the data folder, or the stack does not run the requested component."""


class RunningStack:
    """A running stack, as its run file describes it. The supervisor of the stack may run in another process."""

    def __init__(self, data_folder: DataFolder) -> None:
        self.data_folder = data_folder

    @classmethod
    def attach(cls, folder: Path | None = None) -> RunningStack:
        """Return the running stack that uses `folder`, or the default data folder if `folder` is None.

        Raises NotRunningError if no running stack uses it.
        """
        data_folder = DataFolder.at(folder)
        if not data_folder.is_locked() or not data_folder.run_file.exists():
            raise NotRunningError(f"no stack runs in {data_folder.root}: start one with `make up`")
        return cls(data_folder)

    @property
    def state(self) -> RunFile:
        """The current state of the stack."""
        return RunFile.read(self.data_folder.run_file)

    def address(self, name: str) -> str:
        """Return `host:port` of a listener: edge, traces, mailbox, smtp, postgres, nats, portal, or a service."""
        return self.state.addresses[name]

    def url(self, name: str) -> str:
        """Return the HTTP URL of a listener, for example of `mailbox`."""
        return f"http://{self.address(name)}"

    def pid(self, name: str) -> int | None:
        """Return the process id of a component, or None while it has no process."""
        return self.state.components[name].pid

    def identity(self, name: str = OPERATOR) -> KeyPair:
        """Return a client certificate for direct calls to services, without the edge. Issue it if it does not exist."""
        issue(self.data_folder.certificates, [name])
        return key_pair(self.data_folder.certificates, name)

    def environment(self, service: str) -> Mapping[str, str]:
        """Return the environment variables of a service, or of the command that declares the streams (`streams`).

        Those of a service include the variables for the command `migrate`.
        """
        state = self.state
        ports = PortPlan.of_addresses(state.addresses)
        assembly = assemble(self.data_folder, ports, state.components)
        if service == DECLARER and NATS in state.components:
            settings = assembly.nats.settings_of(DECLARER)
            return {f"PROCTORIUM_{name.upper()}": str(value) for name, value in settings.items()}
        variables = assembly.environments.get(service)
        if variables is None:
            raise NotRunningError(
                f"the stack on {self.data_folder.root} has no component {service}"
            )
        if service == PORTAL:
            return variables
        owner = assembly.postgres.url(service, f"{service}_owner")
        return {**variables, "PROCTORIUM_MIGRATION_DATABASE_URL": owner}

    async def kill(self, name: str) -> None:
        """Send SIGKILL to a component. The supervisor restarts it. To wait for the restart, await `ready`."""
        pid = self.pid(name)
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
            while self.pid(name) == pid:
                await asyncio.sleep(0.02)

    async def ready(self, name: str, timeout: float = 60.0) -> None:
        """Wait until a component is ready. Raises TimeoutError after `timeout` seconds."""
        async with asyncio.timeout(timeout):
            while self.state.components[name].state != "ready":
                await asyncio.sleep(0.05)


class Stack(RunningStack):
    """A stack that this process supervises. The stack ends when its `async with` block or this process ends."""

    def __init__(self, assembly: Assembly, on_event: EventListener) -> None:
        super().__init__(assembly.data_folder)
        self.assembly = assembly
        self._supervisor = Supervisor(assembly.components.values(), on_event, self._write)
        self._state = RunFile(
            supervisor=os.getpid(),
            folder=str(assembly.data_folder.root),
            addresses=assembly.addresses,
            certificates=str(assembly.data_folder.certificates),
        )

    @classmethod
    @asynccontextmanager
    async def running(
        cls,
        folder: Path | None = None,
        *,
        ports: PortPlan | None = None,
        components: Iterable[str] | None = None,
        durable: bool = True,
        settings: Mapping[str, str] | None = None,
        on_event: EventListener = lambda _: None,
        on_created: Callable[[Stack], None] = lambda _: None,
    ) -> AsyncIterator[Stack]:
        """Run the named components and their dependencies within the block. None stands for all components.

        With `durable=False`, which tests use, a power loss can corrupt the databases, and the databases are deleted at
        the end of the block. `settings` are environment variables for all services. `on_created` is called before
        components start.

        Raises UnknownComponentError, PortError, AlreadyRunningError or PortsInUseError. After these errors, no file was
        written and no component was started. Raises ComponentFailedError if a component does not become ready.
        """
        data_folder = DataFolder.at(folder)
        names = with_dependencies(components)
        plan = ports or PortPlan.from_environment(os.environ)
        data_folder.require_unlocked()
        # The ports are checked before files are written. Therefore no files remain if a port is in use.
        plan.require_free(listeners_of(names))
        with data_folder.lock():
            stack = cls(
                assemble(data_folder, plan, names, durable=durable, settings=settings), on_event
            )
            data_folder.rotate_logs()
            on_created(stack)
            try:
                await stack._supervisor.start_all()
                yield stack
            finally:
                await asyncio.shield(stack._end())

    @property
    def state(self) -> RunFile:
        """The current state of the stack."""
        return replace(self._state, components=self._supervisor.statuses)

    async def kill(self, name: str) -> None:
        """Send SIGKILL to a component. The supervisor restarts it. To wait for the restart, await `ready`."""
        await self._supervisor.kill(name)

    async def ready(self, name: str, timeout: float = 60.0) -> None:
        """Wait until a component is ready. Raises TimeoutError after `timeout` seconds."""
        await self._supervisor.ready(name, timeout)

    async def stop(self, name: str) -> None:
        """Stop a component. It is not restarted until `start` is called."""
        await self._supervisor.stop(name)

    async def start(self, name: str) -> None:
        """Start a stopped component, and wait until it is ready."""
        await self._supervisor.start(name)

    async def restart(self, name: str) -> None:
        """Stop a component, start it again, and wait until it is ready."""
        await self._supervisor.restart(name)

    def database_url(self, service: str) -> str:
        """Return the URL with which a service connects to its database."""
        return self.assembly.postgres.url(service)

    def complete(self, sign_ins: tuple[tuple[str, str, str], ...]) -> None:
        """Write to the run file that the start is complete, and write the sign-ins of the demo data."""
        self._state = replace(self._state, complete=True, sign_ins=sign_ins)
        self._write()

    def kill_all(self) -> None:
        """Send SIGKILL to all components without waiting."""
        self._supervisor.kill_all()

    async def _end(self) -> None:
        await self._supervisor.stop_all()
        if not self.assembly.postgres.durable:
            self.assembly.postgres.delete_data()
        self.data_folder.run_file.unlink(missing_ok=True)

    def _write(self) -> None:
        self.state.write(self.data_folder.run_file)
