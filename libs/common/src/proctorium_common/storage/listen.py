"""Notifications from the database (LISTEN). One connection receives the notifications for the whole process."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from contextvars import copy_context

import asyncpg

from proctorium_common.storage.database import Database
from proctorium_common.storage.transient import CONNECTION_ERRORS
from proctorium_common.tasks import end
from proctorium_common.telemetry.logs import get_logger

_log = get_logger()

_CHECK_SECONDS = 10.0
"""The time in seconds between two checks of the connection."""
_MIN_RETRY, _MAX_RETRY = 0.1, 5.0
_BACKLOG = 10_000
"""The maximum number of notifications that are queued for a slow subscriber.

If the queue is full, a single None replaces all queued notifications.
"""


class Notifications:
    """The notifications of one channel, as an iterator of payloads.

    The item None means that notifications may have been missed. The subscriber then has to read the current state. The
    first item is None. Another None follows each time that the connection was lost and is established again.
    """

    def __init__(self, channel: str) -> None:
        self.channel = channel
        self._queue: deque[str | None] = deque()
        self._available = asyncio.Event()

    def __aiter__(self) -> Notifications:
        return self

    async def __anext__(self) -> str | None:
        await self._available.wait()
        payload = self._queue.popleft()
        if not self._queue:
            self._available.clear()
        return payload

    async def wait(self, timeout: float) -> bool:
        """Wait for a notification for at most `timeout` seconds, and return whether one arrived.

        After the wait, all queued notifications are discarded.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._available.wait()
        arrived = self._available.is_set()
        self._queue.clear()
        self._available.clear()
        return arrived

    def put(self, payload: str | None) -> None:
        """Queue a notification, or None if notifications may have been missed. The listener calls this method."""
        if len(self._queue) >= _BACKLOG:
            self._queue.clear()
            payload = None
        self._queue.append(payload)
        self._available.set()


class Listener:
    """One LISTEN connection. It is opened for the first subscriber, and opened again each time that it is lost."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._subscribers: dict[str, set[Notifications]] = {}
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None
        self._listening: set[str] = set()
        self._lost = asyncio.Event()
        self._context = copy_context()
        # The lock is needed because the driver runs only one statement at a time.
        self._statement_lock = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def subscribe(self, channel: str) -> AsyncIterator[Notifications]:
        """Yield the `Notifications` of `channel`. While the database is unreachable, no notifications arrive."""
        notifications = Notifications(channel)
        self._subscribers.setdefault(channel, set()).add(notifications)
        if self._task is None:
            self._task = asyncio.create_task(
                self._run(), name="listener", context=self._context.copy()
            )
        elif channel in self._listening:
            notifications.put(None)
        elif self._connection is not None:
            await self._listen(self._connection, channel)
        try:
            yield notifications
        finally:
            self._subscribers[channel].discard(notifications)

    async def close(self) -> None:
        """Close the connection. Subscribers then receive no more notifications."""
        if self._task is not None:
            await end(self._task)
            self._task = None

    async def _run(self) -> None:
        retry = _MIN_RETRY
        while True:
            try:
                connection = await self._database.connect()
            except CONNECTION_ERRORS as error:
                _log.warning("listener_connect_failed", error=repr(error), retry_seconds=retry)
                await asyncio.sleep(retry)
                retry = min(retry * 2, _MAX_RETRY)
                continue
            retry = _MIN_RETRY
            try:
                await self._receive(connection)
            except Exception:  # noqa: BLE001 - this task must not end, because all live views depend on it
                _log.exception("listener_failed")
            finally:
                self._connection = None
                self._listening.clear()
                connection.terminate()
            _log.warning("listener_connection_lost")

    async def _receive(self, connection: asyncpg.Connection[asyncpg.Record]) -> None:
        """Receive notifications until the connection is lost."""
        self._lost.clear()
        connection.add_termination_listener(lambda _: self._lost.set())
        self._connection = connection
        for channel in list(self._subscribers):
            await self._listen(connection, channel)
        while not self._lost.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(_CHECK_SECONDS):
                    await self._lost.wait()
                return
            await self._check(connection)

    async def _listen(self, connection: asyncpg.Connection[asyncpg.Record], channel: str) -> None:
        """Listen on `channel`, and queue None for its subscribers, because they may have missed notifications."""
        async with self._statement_lock:
            if channel in self._listening:
                return
            try:
                await connection.add_listener(channel, self._on_notification)
            except CONNECTION_ERRORS:
                # Make the listener reconnect. The new connection listens on all channels, including this one.
                self._lost.set()
                return
            self._listening.add(channel)
            for notifications in self._subscribers[channel]:
                notifications.put(None)

    async def _check(self, connection: asyncpg.Connection[asyncpg.Record]) -> None:
        try:
            async with self._statement_lock:
                await connection.execute("SELECT 1", timeout=_CHECK_SECONDS / 2)
        except CONNECTION_ERRORS:
            self._lost.set()

    def _on_notification(
        self, _connection: object, _pid: int, channel: str, payload: object
    ) -> None:
        for notifications in self._subscribers.get(channel, ()):
            notifications.put(str(payload))
