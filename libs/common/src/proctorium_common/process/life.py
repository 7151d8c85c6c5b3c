"""The lifecycle of a service: start, readiness, drain and close."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from proctorium_common.clock import Clock, utc_now
from proctorium_common.process.roles import ProcessRole
from proctorium_common.process.service import Service, topology_of
from proctorium_common.process.settings import ServiceSettings
from proctorium_common.process.workers import Background
from proctorium_common.rpc.health import State
from proctorium_common.security.keys import KeyRing
from proctorium_common.tasks import end
from proctorium_common.telemetry.logs import CallLog, get_logger
from proctorium_common.telemetry.loop_lag import measure_loop_lag
from proctorium_common.topology import ServiceTopology

_log = get_logger()

S = TypeVar("S", bound=ServiceSettings)

_STORAGE_CHECKS = frozenset({"database", "migrations"})


def assemble(
    package: str,
    settings: S,
    build: Callable[[Service[S]], None],
    *,
    call_log: CallLog,
    clock: Clock = utc_now,
    keys: KeyRing | None = None,
    topology: ServiceTopology | None = None,
) -> Service[S]:
    """Create a service, call `build` with the service, and return the service without starting it.

    The current task uses the telemetry of the service from now on. Raises SettingsError, WiringError,
    MissingAccessRuleError.
    """
    topology = topology or topology_of(package)
    telemetry = settings.start_telemetry(topology.name)
    service = Service(
        package, settings, telemetry, call_log, clock=clock, keys=keys, topology=topology
    )
    build(service)
    if keys is None:
        service.require_complete()
    return service


class Life:
    """Starts, drains and closes a service."""

    def __init__(self, service: Service[S]) -> None:
        self._service = service
        self._tasks: list[asyncio.Task[None]] = []
        self._parts_running: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Start the server and the background tasks of the process, without waiting until the service is ready.

        Without the role `serve`, the server serves only health checks. Raises NotLoopbackError, AddressInUseError.
        """
        service = self._service
        _log.info("service_starting", process_roles=sorted(service.settings.process_roles))
        try:
            await service.server.start()
        except BaseException:
            await service.server.stop()
            await self.close()
            raise
        if service.uses_broker:
            service.broker.start()
        self._run_task(service.health.watch())
        self._run_task(measure_loop_lag(service.telemetry.metrics.record_loop_lag))
        if service.has_role(ProcessRole.SERVE):
            self._run_task(Background("signing keys", service.keys.keep_fresh).run())
        self._run_task(self._start_parts())

    def _run_task(self, work: Coroutine[object, object, None]) -> None:
        self._tasks.append(asyncio.create_task(work))

    async def _start_parts(self) -> None:
        service = self._service
        await service.health.wait_for(lambda state: _STORAGE_CHECKS.isdisjoint(state.failing))
        if service.has_role(ProcessRole.SERVE):
            await service.keys.load()
            self._run_task(Background("revocations", service.follow_revocations).run())
        if service.has_role(ProcessRole.RELAY):
            self._run_task(service.relay.run())
        self._parts_running = [asyncio.create_task(part.run()) for part in service.parts]

    async def ready(self) -> State:
        """Wait until the service is ready, and return its state."""
        return await self._service.health.wait_for(lambda state: state.ready)

    async def end(self) -> None:
        """Drain the server, the subscribers and the workers, and close the service."""
        service, settings = self._service, self._service.settings
        _log.info("service_draining")
        await service.server.drain(wait=settings.drain_wait, grace=settings.drain_grace)
        for part in service.parts:
            part.stop()
        if self._parts_running:
            await asyncio.wait(self._parts_running, timeout=settings.drain_grace.total_seconds())
        await end(*self._parts_running, *self._tasks)
        await self.close()
        _log.info("service_stopped")

    async def close(self) -> None:
        """Close all connections of the service. For a service that was not started, call this method, and not `end`."""
        service = self._service
        for close in reversed(service.closing):
            await _close_safely(close)
        for close in (
            service.close_channels,
            service.broker.close,
            service.listener.close,
            service.telemetry.close,
            service.database.close,
        ):
            await _close_safely(close)


@asynccontextmanager
async def running(
    settings: S,
    build: Callable[[Service[S]], None],
    *,
    package: str | None = None,
    clock: Clock = utc_now,
    keys: KeyRing | None = None,
    topology: ServiceTopology | None = None,
    call_log: CallLog | None = None,
) -> AsyncIterator[Service[S]]:
    """Run a service in a test.

    Within the block, the service is ready at `service.address`. After the block, the service is drained and closed. The
    default of `package` is the top-level package of the class of `settings`.
    """
    name = package or type(settings).__module__.partition(".")[0]
    started: asyncio.Future[Service[S]] = asyncio.get_running_loop().create_future()
    leaving = asyncio.Event()

    async def run() -> None:
        # Run the service in a separate task, so that the task of the caller does not use the telemetry of the service.
        service = assemble(
            name,
            settings,
            build,
            call_log=call_log or CallLog(),
            clock=clock,
            keys=keys,
            topology=topology,
        )
        life = Life(service)
        await life.start()
        try:
            await life.ready()
            started.set_result(service)
            await leaving.wait()
        finally:
            await life.end()

    task = asyncio.create_task(run())
    either: set[asyncio.Future[Any]] = {task, started}
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        await task
    try:
        yield started.result()
    finally:
        leaving.set()
        await task


async def _close_safely(close: Callable[[], Awaitable[None]]) -> None:
    try:
        await close()
    except Exception:  # noqa: BLE001 - after a failure, the other parts must still be closed
        _log.exception("close_failed", part=getattr(close, "__qualname__", repr(close)))
