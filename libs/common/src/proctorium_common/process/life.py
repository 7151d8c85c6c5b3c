"""The life of a service: it listens at once, logs what it waits for, serves, and completes its calls when it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from proctorium_common.clock import Clock, utc_now
from proctorium_common.events.subscriber import Subscriber
from proctorium_common.process.service import Service, place_of
from proctorium_common.process.settings import ServiceSettings
from proctorium_common.process.workers import Background, Worker
from proctorium_common.rpc.health import State
from proctorium_common.security.keys import KeyRing
from proctorium_common.tasks import end
from proctorium_common.telemetry.logs import CallLog, get_logger
from proctorium_common.topology import ServiceTopology

log = get_logger()

S = TypeVar("S", bound=ServiceSettings)

_STORAGE = frozenset({"database", "migrations"})


def assemble(
    package: str,
    settings: S,
    build: Callable[[Service[S]], None],
    *,
    call_log: CallLog,
    clock: Clock = utc_now,
    keys: KeyRing | None = None,
    place: ServiceTopology | None = None,
) -> Service[S]:
    """Return the service with everything that `build` adds, not yet started; the current task uses its telemetry.

    Raises SettingsError, WiringError, MissingAccessRuleError.
    """
    place = place or place_of(package)
    telemetry = settings.start_telemetry(place.name)
    service = Service(package, settings, telemetry, call_log, clock=clock, keys=keys, place=place)
    build(service)
    if keys is None:
        service.require_complete()
    return service


class Life:
    """One service from its start to its end."""

    def __init__(self, service: Service[S]) -> None:
        self._service = service
        self._tasks: list[asyncio.Task[None]] = []
        self._moving: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Listen, and start everything that runs beside calls; return before the service is ready.

        Raises NotLoopbackError, AddressInUseError.
        """
        service = self._service
        try:
            await service.server.start()
        except BaseException:
            await service.server.stop()
            await self.close()
            raise
        service.broker.start()
        self._begin(service.health.watch())
        self._begin(Background("signing keys", service.keys.keep_fresh).run())
        self._begin(self._with_storage())

    def _begin(self, work: Coroutine[object, object, None]) -> None:
        self._tasks.append(asyncio.create_task(work))

    async def _with_storage(self) -> None:
        service = self._service
        await service.health.until(lambda state: _STORAGE.isdisjoint(state.failing))
        await service.keys.load()
        self._begin(Background("revocations", service.follow_revocations).run())
        self._begin(service.relay.run())
        self._moving = [asyncio.create_task(part.run()) for part in self._parts()]

    def _parts(self) -> list[Subscriber | Worker]:
        return [*self._service.subscribers, *self._service.workers]

    async def ready(self) -> State:
        """Wait until calls can be answered."""
        return await self._service.health.until(lambda state: state.ready)

    async def end(self) -> None:
        """Drain: not ready, wait, refuse new calls, grace, drain subscribers, stop workers, flush, close."""
        service, settings = self._service, self._service.settings
        log.info("service_drains")
        await service.server.drain(wait=settings.drain_wait, grace=settings.drain_grace)
        for part in self._parts():
            part.stop()
        if self._moving:
            await asyncio.wait(self._moving, timeout=settings.drain_grace.total_seconds())
        await end(*self._moving, *self._tasks)
        await self.close()
        log.info("service_ended")

    async def close(self) -> None:
        """Close what the service opened; for a service that does not serve, all there is to its end."""
        service = self._service
        for close in reversed(service.closing):
            await _safely(close)
        for close in (
            service.close_channels,
            service.broker.close,
            service.listener.close,
            service.telemetry.close,
            service.database.close,
        ):
            await _safely(close)


@asynccontextmanager
async def running(
    settings: S,
    build: Callable[[Service[S]], None],
    *,
    package: str | None = None,
    clock: Clock = utc_now,
    keys: KeyRing | None = None,
    place: ServiceTopology | None = None,
    call_log: CallLog | None = None,
) -> AsyncIterator[Service[S]]:
    """Run the service, ready within the block and drained after it, listening on `service.address`; for tests.

    The package is that of the settings' class unless it is given.
    """
    name = package or type(settings).__module__.partition(".")[0]
    started: asyncio.Future[Service[S]] = asyncio.get_running_loop().create_future()
    leave = asyncio.Event()

    async def live() -> None:
        # In a task of its own, so that its telemetry is not that of the caller.
        service = assemble(
            name,
            settings,
            build,
            call_log=call_log or CallLog(),
            clock=clock,
            keys=keys,
            place=place,
        )
        life = Life(service)
        await life.start()
        try:
            await life.ready()
            started.set_result(service)
            await leave.wait()
        finally:
            await life.end()

    task = asyncio.create_task(live())
    either: set[asyncio.Future[Any]] = {task, started}
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        await task
    try:
        yield started.result()
    finally:
        leave.set()
        await task


async def _safely(close: Callable[[], Awaitable[None]]) -> None:
    try:
        await close()
    except Exception:
        # The rest must still be closed.
        log.exception("close_failed", part=getattr(close, "__qualname__", repr(close)))
