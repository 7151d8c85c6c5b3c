"""A supervisor that starts components in the order of dependencies, restarts them, and stops them in reverse order."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from proctorium_common.tasks import end
from proctorium_devstack.components.component import Component, UnknownComponentError
from proctorium_devstack.processes import ComponentFailedError, describe_exit
from proctorium_devstack.run_file import ComponentStatus

_BACKOFF = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0)
_STABLE_AFTER = 30.0


@dataclass(frozen=True)
class Event:
    """A message about a component for the terminal.

    `what` describes the event. `seconds` is the duration of the event, or None if the event has no duration.
    """

    component: str
    what: str
    seconds: float | None = None
    log: Sequence[str] = ()
    """The last lines of the component's log, if the event is a failure."""


EventListener = Callable[[Event], None]


@dataclass
class _Entry:
    """A component with its state and the task that restarts it."""

    component: Component
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    state: str = "down"
    restarts: int = 0
    watcher: asyncio.Task[None] | None = None


class Supervisor:
    """A set of running components. A component that ends is restarted."""

    def __init__(
        self,
        components: Iterable[Component],
        on_event: EventListener,
        on_change: Callable[[], None],
    ) -> None:
        """Describe the components. They are started by `start_all`.

        `on_event` is called with each message for the terminal. `on_change` is called after each change of `statuses`.
        """
        self._entries = {component.name: _Entry(component) for component in components}
        self._on_event = on_event
        self._on_change = on_change

    @property
    def statuses(self) -> Mapping[str, ComponentStatus]:
        """The current status of each component."""
        return {name: _status(entry) for name, entry in self._entries.items()}

    async def start_all(self) -> None:
        """Start all components. A component starts as soon as the components on which it depends are ready.

        Raises the first ComponentFailedError.
        """
        failed: ComponentFailedError | None = None
        try:
            async with asyncio.TaskGroup() as group:
                for entry in self._entries.values():
                    group.create_task(self._start_first_time(entry))
        except* ComponentFailedError as failures:
            failed = next(
                each for each in failures.exceptions if isinstance(each, ComponentFailedError)
            )
        # The error is raised after the `except*` clause. If it were raised in the clause, Python before 3.11.4 would
        # wrap it in a new group.
        if failed is not None:
            raise failed

    async def stop_all(self) -> None:
        """Stop all components. Each component is stopped before its dependencies. Afterwards, no process runs."""
        await asyncio.gather(*(self._stop_watching(entry) for entry in self._entries.values()))
        for batch in _stop_order(self._entries):
            await asyncio.gather(*(self._stop_one(entry) for entry in batch))

    def kill_all(self) -> None:
        """Send SIGKILL to all components without waiting."""
        for entry in self._entries.values():
            if entry.component.process is not None:
                entry.component.process.kill()

    async def ready(self, name: str, timeout: float = 60.0) -> None:
        """Wait until the component is ready. Raises TimeoutError after `timeout` seconds."""
        async with asyncio.timeout(timeout):
            await self._find(name).ready.wait()

    async def kill(self, name: str) -> None:
        """Send SIGKILL to a component. It is restarted automatically. To wait for the restart, await `ready`."""
        entry = self._find(name)
        self._set(entry, "down")
        await entry.component.kill()

    async def stop(self, name: str) -> None:
        """Stop a component. It is not restarted until `start` is called."""
        entry = self._find(name)
        await self._stop_watching(entry)
        await self._stop_one(entry)

    async def start(self, name: str) -> None:
        """Start a stopped component, and wait until it is ready."""
        entry = self._find(name)
        if entry.state == "down" and entry.watcher is None:
            await self._launch(entry)
            self._watch(entry)
        await self.ready(name)

    async def restart(self, name: str) -> None:
        """Stop a component, start it again, and wait until it is ready."""
        await self.stop(name)
        await self.start(name)

    def _find(self, name: str) -> _Entry:
        if name not in self._entries:
            raise UnknownComponentError(
                f"this stack has no component {name}: it has {', '.join(self._entries)}"
            )
        return self._entries[name]

    async def _start_first_time(self, entry: _Entry) -> None:
        await self._all_ready(entry.component.dependencies)
        started_at = time.monotonic()
        await entry.component.prepare()
        preparation = time.monotonic() - started_at
        await self._all_ready(entry.component.start_after)
        started_at = time.monotonic() - preparation
        await self._launch(entry)
        self._on_event(Event(entry.component.name, "ready", time.monotonic() - started_at))
        self._watch(entry)

    async def _all_ready(self, names: Iterable[str]) -> None:
        for name in names:
            await self._entries[name].ready.wait()

    async def _launch(self, entry: _Entry) -> None:
        self._set(entry, "starting")
        try:
            await entry.component.launch()
        except BaseException:
            self._set(entry, "down")
            raise
        self._set(entry, "ready")

    def _watch(self, entry: _Entry) -> None:
        entry.watcher = asyncio.create_task(self._keep_running(entry))

    async def _stop_watching(self, entry: _Entry) -> None:
        watcher, entry.watcher = entry.watcher, None
        if watcher is not None:
            await end(watcher)

    async def _keep_running(self, entry: _Entry) -> None:
        """Whenever the component's process ends, report the end and restart the component.

        The delay before a restart grows with the number of consecutive failures.
        """
        failures = 0
        while True:
            since = time.monotonic()
            code = (
                await entry.component.process.wait() if entry.component.process is not None else 0
            )
            self._set(entry, "down")
            if time.monotonic() - since > _STABLE_AFTER:
                failures = 0
            self._on_event(Event(entry.component.name, f"{describe_exit(code)}, restarting"))
            failures = await self._relaunch(entry, failures)

    async def _relaunch(self, entry: _Entry, failures: int) -> int:
        """Restart the component, repeatedly if a restart fails, until the component is ready.

        `failures` is the number of consecutive failures before the call. Return `failures` plus the number of restarts
        in this call.
        """
        while True:
            await asyncio.sleep(_BACKOFF[min(failures, len(_BACKOFF) - 1)])
            failures += 1
            entry.restarts += 1
            started_at = time.monotonic()
            try:
                await self._launch(entry)
            except ComponentFailedError as failed:
                self._on_event(
                    Event(failed.component, f"did not restart: {failed}", log=failed.last_lines(8))
                )
            else:
                self._on_event(
                    Event(entry.component.name, "ready again", time.monotonic() - started_at)
                )
                return failures

    async def _stop_one(self, entry: _Entry) -> None:
        await entry.component.stop()
        self._set(entry, "down")

    def _set(self, entry: _Entry, state: str) -> None:
        entry.state = state
        if state == "ready":
            entry.ready.set()
        else:
            entry.ready.clear()
        self._on_change()


def _status(entry: _Entry) -> ComponentStatus:
    process = entry.component.process
    alive = process is not None and process.exit_code is None
    return ComponentStatus(
        entry.state, process.pid if process is not None and alive else None, entry.restarts
    )


def _stop_order(entries: Mapping[str, _Entry]) -> Iterable[list[_Entry]]:
    """Yield batches of components in the order in which they are stopped: each component before its dependencies."""
    remaining = dict(entries)
    while remaining:
        needed = {name for each in remaining.values() for name in each.component.dependencies}
        batch = [each for name, each in remaining.items() if name not in needed]
        yield batch
        for each in batch:
            del remaining[each.component.name]
