"""The worker that sends due mails. It runs after each PostgreSQL notification, and periodically for retries."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta

from proctorium_common.storage.listen import Listener, Notifications
from proctorium_common.tasks import end
from proctorium_notification.domain.destinations import Lane
from proctorium_notification.operations.sending import Batch, Sender
from proctorium_notification.storage.deliveries import CHANNEL


class SendingWorker:
    """A worker that starts a lane for each due batch, up to the limits of the lanes. A lane sends one batch and ends.

    A run first waits for a notification of due mails, for at most `poll_interval`. Then the run claims due mails. Mails
    that are due for a retry are included. When the process ends, the lanes have the time `grace` to finish.
    """

    def __init__(
        self,
        listener: Listener,
        sender: Sender,
        poll_interval: timedelta = timedelta(seconds=1),
        *,
        grace: timedelta = timedelta(),
    ) -> None:
        self._listener = listener
        self._sender = sender
        self._poll_interval = poll_interval.total_seconds()
        self._grace = grace.total_seconds()
        self._open = AsyncExitStack()
        self._notices: Notifications | None = None
        self._lanes: dict[Lane, set[asyncio.Task[None]]] = {lane: set() for lane in Lane}

    async def run(self) -> None:
        """Wait for a notification or until the poll interval is over, then start lanes.

        Raises the error of a lane that failed.
        """
        if self._notices is None:
            self._notices = await self._open.enter_async_context(self._listener.subscribe(CHANNEL))
        await self._notices.wait(self._poll_interval)
        self._remove_ended()
        for lane, tasks in self._lanes.items():
            more = True
            while more and len(tasks) < self._sender.destinations.limit(lane):
                batch = await self._sender.claim(lane)
                if batch is not None:
                    tasks.add(asyncio.create_task(self._send(batch, self._notices)))
                more = batch is not None and batch.more

    async def close(self) -> None:
        """Stop listening for notifications, wait at most `grace` for the lanes, and release the remaining claims."""
        await self._open.aclose()
        tasks = set[asyncio.Task[None]]().union(*self._lanes.values())
        if tasks:
            await asyncio.wait(tasks, timeout=self._grace)
        await end(*tasks)
        await self._sender.close()

    async def _send(self, batch: Batch, notices: Notifications) -> None:
        # After a lane succeeds, the next run starts at once. After a lane fails, the next run starts after the poll
        # interval, to avoid a tight loop.
        if await self._sender.send(batch):
            notices.put(None)

    def _remove_ended(self) -> None:
        errors = []
        for tasks in self._lanes.values():
            for task in [task for task in tasks if task.done()]:
                tasks.remove(task)
                if (error := task.exception()) is not None:
                    errors.append(error)
        if errors:
            raise errors[0]
