"""Watching attempts by PostgreSQL notifications.

Each change of an attempt sends a notification with the attempt's id to all replicas. The watches of the attempt then
read the attempt again.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import Context
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from proctorium_assessment.domain.attempts import ATTEMPT_STATES
from proctorium_assessment.operations.attempts import AttemptOverview, open_attempt
from proctorium_assessment.operations.published_assessments import PublishedAssessments
from proctorium_assessment.storage.attempts import CHANNEL
from proctorium_common.rpc.heartbeat import Heartbeat
from proctorium_common.storage.database import Database
from proctorium_common.storage.listen import Listener
from proctorium_common.tasks import end
from proctorium_common.telemetry.metrics import Metrics


@dataclass(eq=False)
class _Watcher:
    """One watch of an attempt.

    The event `woken` is set for each heartbeat and for each notification of a change. `changed` is True if the attempt
    may have changed. `notified_at` is the time of the first notification since the last read, by the clock of the event
    loop.
    """

    woken: asyncio.Event = field(default_factory=asyncio.Event)
    changed: bool = False
    notified_at: float | None = None

    def notify(self) -> None:
        if self.notified_at is None:
            self.notified_at = asyncio.get_running_loop().time()
        self.changed = True
        self.woken.set()


class AttemptWatch:
    """The watches of attempts in this process. All watches share one subscription to the notifications.

    If an attempt does not change for the time `heartbeat`, each watch of the attempt yields the last overview again
    without reading the database.
    """

    def __init__(
        self,
        database: Database,
        published: PublishedAssessments,
        listener: Listener,
        heartbeat: timedelta,
        metrics: Metrics | None = None,
    ) -> None:
        self._database = database
        self._published = published
        self._listener = listener
        self._heartbeat = heartbeat
        self._metrics = metrics or Metrics("unnamed")
        self._watchers: defaultdict[str, set[_Watcher]] = defaultdict(set)
        self._listening: asyncio.Task[None] | None = None

    async def watch(self, person_id: UUID, attempt_id: UUID) -> AsyncIterator[AttemptOverview]:
        """Yield the attempt now, after every change and at every heartbeat, until the state of the attempt is final.

        Raises NOT_YOUR_ATTEMPT.
        """
        shown = 0
        overview: AttemptOverview | None = None
        notified_at: float | None = None
        async with self._watcher(str(attempt_id)) as watcher:
            with Heartbeat(watcher.woken, self._heartbeat) as heartbeat:
                while True:
                    watcher.woken.clear()
                    if overview is None or watcher.changed:
                        watcher.changed = False
                        notified_at, watcher.notified_at = watcher.notified_at, None
                        overview = await self._read(person_id, attempt_id)
                    is_new = overview.attempt.version != shown
                    if is_new or heartbeat.due:
                        shown = overview.attempt.version
                        yield overview
                        heartbeat.sent()
                        if is_new and notified_at is not None:
                            now = asyncio.get_running_loop().time()
                            self._metrics.record_fan_out(now - notified_at)
                    if overview.attempt.state in ATTEMPT_STATES.final:
                        return
                    await watcher.woken.wait()

    async def _read(self, person_id: UUID, attempt_id: UUID) -> AttemptOverview:
        attempt = await open_attempt(self._database, self._published, person_id, attempt_id)
        return attempt.overview

    async def close(self) -> None:
        """Stop listening for notifications."""
        if self._listening is not None:
            await end(self._listening)

    @asynccontextmanager
    async def _watcher(self, attempt_id: str) -> AsyncIterator[_Watcher]:
        if self._listening is None:
            # With an empty context, the task does not belong to the call or the trace of the first watch.
            self._listening = asyncio.create_task(self._listen(), context=Context())
        watcher = _Watcher()
        self._watchers[attempt_id].add(watcher)
        try:
            yield watcher
        finally:
            self._watchers[attempt_id].discard(watcher)
            if not self._watchers[attempt_id]:
                del self._watchers[attempt_id]

    async def _listen(self) -> None:
        async with self._listener.subscribe(CHANNEL) as notices:
            async for attempt_id in notices:
                # If `attempt_id` is None, notifications may have been lost. So all watches read their attempts again.
                changed = list(self._watchers) if attempt_id is None else [attempt_id]
                for each in changed:
                    for watcher in self._watchers.get(each, ()):
                        watcher.notify()
