"""Watching attempts: whoever changes one notifies its id, and its watchers look again, in whatever replica they are."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import Context
from uuid import UUID

from proctorium_assessment.domain.attempts import State
from proctorium_assessment.operations.attempts import Overview, overviews, owned
from proctorium_assessment.storage.attempts import CHANNEL
from proctorium_common.storage.database import Database
from proctorium_common.storage.listen import Listener
from proctorium_common.tasks import end

FINAL = frozenset({State.RELEASED, State.VOIDED})
"""After these nothing happens to an attempt any more."""


class AttemptWatch:
    """Wakes the watchers of attempts in this process; one subscription for all of them."""

    def __init__(self, database: Database, listener: Listener) -> None:
        self._database = database
        self._listener = listener
        self._watchers: defaultdict[str, set[asyncio.Event]] = defaultdict(set)
        self._listening: asyncio.Task[None] | None = None

    async def changes(self, person_id: UUID, attempt_id: UUID) -> AsyncIterator[Overview]:
        """The attempt as it is, and again after every change; ends when nothing can happen any more. Raises NOT_YOUR_ATTEMPT."""
        shown = 0
        async with self._woken(str(attempt_id)) as woken:
            while True:
                woken.clear()
                async with self._database.transaction() as tx:
                    attempt = await owned(tx, person_id, attempt_id)
                    overview = (await overviews(tx, [attempt]))[0]
                if attempt.version != shown:
                    shown = attempt.version
                    yield overview
                if attempt.state in FINAL:
                    return
                await woken.wait()

    async def close(self) -> None:
        """Stops listening."""
        if self._listening is not None:
            await end(self._listening)

    @asynccontextmanager
    async def _woken(self, attempt_id: str) -> AsyncIterator[asyncio.Event]:
        if self._listening is None:
            # An empty context: listening belongs to no single call or trace.
            self._listening = asyncio.create_task(self._listen(), context=Context())
        woken = asyncio.Event()
        self._watchers[attempt_id].add(woken)
        try:
            yield woken
        finally:
            self._watchers[attempt_id].discard(woken)
            if not self._watchers[attempt_id]:
                del self._watchers[attempt_id]

    async def _listen(self) -> None:
        async with self._listener.subscribe(CHANNEL) as notices:
            async for attempt_id in notices:
                # None: something may have been missed, so everybody looks.
                named = list(self._watchers) if attempt_id is None else [attempt_id]
                for name in named:
                    for woken in self._watchers.get(name, ()):
                        woken.set()
