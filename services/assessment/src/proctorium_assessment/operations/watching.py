"""Watching attempts: whoever changes one notifies its id, and its watchers look again, in whatever replica they are."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import Context
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from proctorium_assessment.domain.attempts import State
from proctorium_assessment.operations.attempts import Overview, open_attempt
from proctorium_assessment.operations.published import PublishedAssessments
from proctorium_assessment.storage.attempts import CHANNEL
from proctorium_common.rpc.heartbeat import Heartbeat
from proctorium_common.storage.database import Database
from proctorium_common.storage.listen import Listener
from proctorium_common.tasks import end

FINAL = frozenset({State.RELEASED, State.VOIDED})
"""After these nothing happens to an attempt any more."""


@dataclass(eq=False)
class _Watcher:
    """Somebody who watches an attempt: woken when it may have `changed`, and for the heartbeat."""

    woken: asyncio.Event = field(default_factory=asyncio.Event)
    changed: bool = False

    def notice(self) -> None:
        self.changed = True
        self.woken.set()


class AttemptWatch:
    """Wakes the watchers of attempts in this process; one subscription for all of them.

    What was shown last is shown again after `heartbeat` without a change, and nothing is read for it.
    """

    def __init__(
        self,
        database: Database,
        published: PublishedAssessments,
        listener: Listener,
        heartbeat: timedelta,
    ) -> None:
        self._database = database
        self._published = published
        self._listener = listener
        self._heartbeat = heartbeat
        self._watchers: defaultdict[str, set[_Watcher]] = defaultdict(set)
        self._listening: asyncio.Task[None] | None = None

    async def changes(self, person_id: UUID, attempt_id: UUID) -> AsyncIterator[Overview]:
        """The attempt as it is, and again after every change and heartbeat; ends when nothing can happen any more. Raises NOT_YOUR_ATTEMPT."""
        shown = 0
        overview: Overview | None = None
        async with self._watcher(str(attempt_id)) as watcher:
            with Heartbeat(watcher.woken, self._heartbeat) as heartbeat:
                while True:
                    watcher.woken.clear()
                    if overview is None or watcher.changed:
                        watcher.changed = False
                        overview = await self._read(person_id, attempt_id)
                    if overview.attempt.version != shown or heartbeat.due:
                        shown = overview.attempt.version
                        yield overview
                        heartbeat.sent()
                    if overview.attempt.state in FINAL:
                        return
                    await watcher.woken.wait()

    async def _read(self, person_id: UUID, attempt_id: UUID) -> Overview:
        opened = await open_attempt(self._database, self._published, person_id, attempt_id)
        return opened.overview

    async def close(self) -> None:
        """Stops listening."""
        if self._listening is not None:
            await end(self._listening)

    @asynccontextmanager
    async def _watcher(self, attempt_id: str) -> AsyncIterator[_Watcher]:
        if self._listening is None:
            # An empty context: listening belongs to no single call or trace.
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
                # None: something may have been missed, so everybody looks.
                named = list(self._watchers) if attempt_id is None else [attempt_id]
                for name in named:
                    for watcher in self._watchers.get(name, ()):
                        watcher.notice()
