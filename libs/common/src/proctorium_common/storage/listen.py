"""Notices from the database (LISTEN): one connection for the whole process, however many listen."""

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

_CHECK_EVERY = 10.0
"""Seconds between two checks of the connection."""
_FIRST_RETRY, _LAST_RETRY = 0.1, 5.0
_BACKLOG = 10_000
"""Notifications stored for one slow subscriber; beyond that it only learns that it missed some."""


class Notices:
    """What came on one channel. None means: something may have been missed, look for yourself.

    A None comes first of all, and after each time that the connection was lost.
    """

    def __init__(self, channel: str) -> None:
        self.channel = channel
        self._waiting: deque[str | None] = deque()
        self._some = asyncio.Event()

    def __aiter__(self) -> Notices:
        return self

    async def __anext__(self) -> str | None:
        await self._some.wait()
        payload = self._waiting.popleft()
        if not self._waiting:
            self._some.clear()
        return payload

    async def wait(self, timeout: float) -> bool:
        """Return whether a notice arrived within `timeout` seconds, and discard all, for callers that only wait."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._some.wait()
        came = self._some.is_set()
        self._waiting.clear()
        self._some.clear()
        return came

    def put(self, payload: str | None) -> None:
        """Add a notification; the listener calls this."""
        if len(self._waiting) >= _BACKLOG:
            self._waiting.clear()
            payload = None
        self._waiting.append(payload)
        self._some.set()


class Listener:
    """One LISTEN connection: it opens with the first subscriber and reconnects whenever it is lost."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._subscribers: dict[str, set[Notices]] = {}
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None
        self._listening: set[str] = set()
        self._lost = asyncio.Event()
        self._context = copy_context()
        # The driver takes one statement at a time.
        self._turn = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def subscribe(self, channel: str) -> AsyncIterator[Notices]:
        """Yield the notifications of `channel`. While the database is not reachable there are none."""
        notices = Notices(channel)
        self._subscribers.setdefault(channel, set()).add(notices)
        if self._task is None:
            self._task = asyncio.create_task(
                self._run(), name="listener", context=self._context.copy()
            )
        elif channel in self._listening:
            notices.put(None)
        elif self._connection is not None:
            await self._listen(self._connection, channel)
        try:
            yield notices
        finally:
            self._subscribers[channel].discard(notices)

    async def close(self) -> None:
        """End the connection; subscribers get nothing more."""
        if self._task is not None:
            await end(self._task)
            self._task = None

    async def _run(self) -> None:
        retry = _FIRST_RETRY
        while True:
            try:
                connection = await self._database.connect()
            except CONNECTION_ERRORS as error:
                _log.warning("listener_connect_failed", error=repr(error), retry_seconds=retry)
                await asyncio.sleep(retry)
                retry = min(retry * 2, _LAST_RETRY)
                continue
            retry = _FIRST_RETRY
            try:
                await self._serve(connection)
            except Exception:  # noqa: BLE001 - without this task nobody's live view moves any more
                _log.exception("listener_failed")
            finally:
                self._connection = None
                self._listening.clear()
                connection.terminate()
            _log.warning("listener_connection_lost")

    async def _serve(self, connection: asyncpg.Connection[asyncpg.Record]) -> None:
        """Serve the connection until it is lost."""
        self._lost.clear()
        connection.add_termination_listener(lambda _: self._lost.set())
        self._connection = connection
        for channel in list(self._subscribers):
            await self._listen(connection, channel)
        while not self._lost.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(_CHECK_EVERY):
                    await self._lost.wait()
                return
            await self._check(connection)

    async def _listen(self, connection: asyncpg.Connection[asyncpg.Record], channel: str) -> None:
        """Start to listen, and only then wakes the channel's subscribers: what came before, they find by looking."""
        async with self._turn:
            if channel in self._listening:
                return
            try:
                await connection.add_listener(channel, self._on_notice)
            except CONNECTION_ERRORS:
                self._lost.set()  # with the next connection all channels are listened to again
                return
            self._listening.add(channel)
            for notices in self._subscribers[channel]:
                notices.put(None)

    async def _check(self, connection: asyncpg.Connection[asyncpg.Record]) -> None:
        try:
            async with self._turn:
                await connection.execute("SELECT 1", timeout=_CHECK_EVERY / 2)
        except CONNECTION_ERRORS:
            self._lost.set()

    def _on_notice(self, _connection: object, _pid: int, channel: str, payload: object) -> None:
        for notices in self._subscribers.get(channel, ()):
            notices.put(str(payload))
