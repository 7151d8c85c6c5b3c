"""Starts parts in the order of their needs, starts again what dies, and ends all of them in the opposite order."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from proctorium_common.tasks import end
from proctorium_devstack.parts.part import Part
from proctorium_devstack.processes import ComponentFailedError
from proctorium_devstack.run_file import PartStatus

_BACKOFF = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0)
_STABLE_AFTER = 30.0


class UnknownComponentError(Exception):
    """A part that this stack does not have was named."""


@dataclass(frozen=True)
class Event:
    """Something a person wants to know: `part` did `what`; `seconds` is how long it took, where it took time."""

    part: str
    what: str
    seconds: float | None = None
    log: Sequence[str] = ()
    """The last lines of the part's log, where something went wrong."""


Tell = Callable[[Event], None]


@dataclass
class _Watched:
    """What the supervisor knows of one part."""

    part: Part
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    state: str = "down"
    restarts: int = 0
    watcher: asyncio.Task[None] | None = None


class Supervisor:
    """Keeps a set of parts running."""

    def __init__(self, parts: Iterable[Part], tell: Tell, changed: Callable[[], None]) -> None:
        """`tell` hears of what happens; `changed` is called when `statuses` has something new."""
        self._watched = {part.name: _Watched(part) for part in parts}
        self._tell = tell
        self._changed = changed

    @property
    def statuses(self) -> Mapping[str, PartStatus]:
        """How each part is now."""
        return {name: _status(watched) for name, watched in self._watched.items()}

    async def start_all(self) -> None:
        """Start everything, side by side where needs allow; the first failure ends the attempt and is raised."""
        failed: ComponentFailedError | None = None
        try:
            async with asyncio.TaskGroup() as group:
                for watched in self._watched.values():
                    group.create_task(self._start_first(watched))
        except* ComponentFailedError as failures:
            failed = next(
                each for each in failures.exceptions if isinstance(each, ComponentFailedError)
            )
        # Raised inside of `except*` it would be in a group again, before Python 3.11.4.
        if failed is not None:
            raise failed

    async def stop_all(self) -> None:
        """End everything, whoever needs others first. Nothing is left running."""
        await asyncio.gather(*(self._stop_watching(watched) for watched in self._watched.values()))
        for wave in _waves(self._watched):
            await asyncio.gather(*(self._stop_one(watched) for watched in wave))

    def kill_all(self) -> None:
        """SIGKILL for everything, for when there is no time left."""
        for watched in self._watched.values():
            if watched.part.process is not None:
                watched.part.process.kill()

    async def ready(self, name: str, timeout: float = 60.0) -> None:
        """Wait until the part is ready; TimeoutError after `timeout` seconds."""
        async with asyncio.timeout(timeout):
            await self._find(name).ready.wait()

    async def kill(self, name: str) -> None:
        """SIGKILL; it is started again by itself, await `ready` for that."""
        watched = self._find(name)
        self._set(watched, "down")
        await watched.part.kill()

    async def stop(self, name: str) -> None:
        """End a part, and leave it ended until `start`."""
        watched = self._find(name)
        await self._stop_watching(watched)
        await self._stop_one(watched)

    async def start(self, name: str) -> None:
        """Start a part that was stopped, and wait until it is ready."""
        watched = self._find(name)
        if watched.state == "down" and watched.watcher is None:
            await self._launch(watched)
            self._watch(watched)
        await self.ready(name)

    async def restart(self, name: str) -> None:
        """End a part in order, and start it again."""
        await self.stop(name)
        await self.start(name)

    def _find(self, name: str) -> _Watched:
        if name not in self._watched:
            raise UnknownComponentError(
                f"this stack has no part {name}: it has {', '.join(self._watched)}"
            )
        return self._watched[name]

    async def _start_first(self, watched: _Watched) -> None:
        await self._all_ready(watched.part.needs)
        began = time.monotonic()
        await watched.part.prepare()
        prepared = time.monotonic() - began
        await self._all_ready(watched.part.after)
        began = time.monotonic() - prepared
        await self._launch(watched)
        self._tell(Event(watched.part.name, "ready", time.monotonic() - began))
        self._watch(watched)

    async def _all_ready(self, names: Iterable[str]) -> None:
        for name in names:
            await self._watched[name].ready.wait()

    async def _launch(self, watched: _Watched) -> None:
        self._set(watched, "starting")
        try:
            await watched.part.launch()
        except BaseException:
            self._set(watched, "down")
            raise
        self._set(watched, "ready")

    def _watch(self, watched: _Watched) -> None:
        watched.watcher = asyncio.create_task(self._keep_running(watched))

    async def _stop_watching(self, watched: _Watched) -> None:
        watcher, watched.watcher = watched.watcher, None
        if watcher is not None:
            await end(watcher)

    async def _keep_running(self, watched: _Watched) -> None:
        """Whenever it ends, say so and start it again; after several failures in a row ever later."""
        failures = 0
        while True:
            since = time.monotonic()
            code = await watched.part.process.wait() if watched.part.process is not None else 0
            self._set(watched, "down")
            if time.monotonic() - since > _STABLE_AFTER:
                failures = 0
            self._tell(Event(watched.part.name, f"ended with {code}, starting it again"))
            failures = await self._start_again(watched, failures)

    async def _start_again(self, watched: _Watched, failures: int) -> int:
        """Try until it is ready; how often it failed since it was stable."""
        while True:
            await asyncio.sleep(_BACKOFF[min(failures, len(_BACKOFF) - 1)])
            failures += 1
            watched.restarts += 1
            began = time.monotonic()
            try:
                await self._launch(watched)
            except ComponentFailedError as failed:
                self._tell(
                    Event(failed.part, f"did not start again: {failed}", log=failed.last_lines(8))
                )
            else:
                self._tell(Event(watched.part.name, "ready again", time.monotonic() - began))
                return failures

    async def _stop_one(self, watched: _Watched) -> None:
        await watched.part.stop()
        self._set(watched, "down")

    def _set(self, watched: _Watched, state: str) -> None:
        watched.state = state
        if state == "ready":
            watched.ready.set()
        else:
            watched.ready.clear()
        self._changed()


def _status(watched: _Watched) -> PartStatus:
    process = watched.part.process
    alive = process is not None and process.exit_code is None
    return PartStatus(
        watched.state, process.pid if process is not None and alive else None, watched.restarts
    )


def _waves(watched: Mapping[str, _Watched]) -> Iterable[list[_Watched]]:
    """First those that nobody needs, then those that only they needed, and so on."""
    left = dict(watched)
    while left:
        needed = {need for each in left.values() for need in each.part.needs}
        wave = [each for name, each in left.items() if name not in needed]
        yield wave
        for each in wave:
            del left[each.part.name]
