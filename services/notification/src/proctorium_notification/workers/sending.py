"""Sends mails as soon as there are some: woken by the database, and by the clock for those that were put off."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta

from proctorium_common.storage.listen import Listener, Notices
from proctorium_common.tasks import end
from proctorium_notification.domain.destinations import Lane
from proctorium_notification.operations.sending import Batch, Sender
from proctorium_notification.storage.deliveries import CHANNEL


class SendingWorker:
    """Starts a lane for each due batch, up to the limits; a lane ends with its batch, and none waits for another.

    Runs follow each other without a pause: each waits for work itself, at most `look_every`, after which it looks for mails to retry.
    When the process ends, the lanes have `grace` to finish.
    """

    def __init__(
        self,
        listener: Listener,
        sender: Sender,
        look_every: timedelta = timedelta(seconds=1),
        *,
        grace: timedelta = timedelta(),
    ) -> None:
        self._listener = listener
        self._sender = sender
        self._look_every = look_every.total_seconds()
        self._grace = grace.total_seconds()
        self._open = AsyncExitStack()
        self._notices: Notices | None = None
        self._lanes: dict[Lane, set[asyncio.Task[None]]] = {lane: set() for lane in Lane}

    async def turn(self) -> None:
        """Wait for something to send or a free lane, then start lanes for due mails. Raises the error of a lane that failed."""
        if self._notices is None:
            self._notices = await self._open.enter_async_context(self._listener.subscribe(CHANNEL))
        await self._notices.wait(self._look_every)
        self._remove_ended()
        for lane, running in self._lanes.items():
            more = True
            while more and len(running) < self._sender.destinations.lanes(lane):
                batch = await self._sender.claim(lane)
                if batch is not None:
                    running.add(asyncio.create_task(self._run(batch, self._notices)))
                more = batch is not None and batch.more

    async def close(self) -> None:
        """Stop listening, let the lanes finish and release the remaining claims."""
        await self._open.aclose()
        lanes = set[asyncio.Task[None]]().union(*self._lanes.values())
        if lanes:
            await asyncio.wait(lanes, timeout=self._grace)
        await end(*lanes)
        await self._sender.close()

    async def _run(self, batch: Batch, notices: Notices) -> None:
        # After a failure the next run waits for the clock, so that an unreachable mail server is not tried without a pause.
        if await self._sender.send(batch):
            notices.put(None)

    def _remove_ended(self) -> None:
        failures = []
        for running in self._lanes.values():
            for task in [task for task in running if task.done()]:
                running.remove(task)
                if (failure := task.exception()) is not None:
                    failures.append(failure)
        if failures:
            raise failures[0]
