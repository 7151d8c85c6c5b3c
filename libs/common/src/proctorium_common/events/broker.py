"""The connection to NATS, which is established in the background, and established again whenever it is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from nats.aio.client import Client
from nats.errors import Error as NatsError

from proctorium_common.events.identity import BrokerIdentity
from proctorium_common.tasks import end
from proctorium_common.telemetry.logs import get_logger

_log = get_logger()

_RETRY_SECONDS = 0.5
_PING_SECONDS = 10
_LOG_INTERVAL = 30.0
_PERMISSION = "permissions violation"


class LogLimiter:
    """Limits the log lines for a persistent condition to one line in `interval` seconds."""

    def __init__(self, interval: float = _LOG_INTERVAL) -> None:
        self._interval = interval
        self._next = 0.0

    def should_log(self) -> bool:
        """Return whether the caller should log the condition now."""
        now = asyncio.get_running_loop().time()
        if now < self._next:
            return False
        self._next = now + self._interval
        return True

    def reset(self) -> None:
        """Record that the condition has ended, so that its next occurrence is logged at once."""
        self._next = 0.0


class Broker:
    """The connection of this process to NATS. While NATS is unavailable, events are delayed, but calls are not."""

    def __init__(self, url: str, identity: BrokerIdentity) -> None:
        """Prepare a connection as `identity` to `url`, a comma-separated list of servers."""
        self._servers = url.split(",")
        self._identity = identity
        self._client = self._identity.client()
        self._connected = asyncio.Event()
        self._log_limiter = LogLimiter()
        self._task: asyncio.Task[None] | None = None
        self._started = False
        self._closing = False
        self._disconnect_callbacks: list[Callable[[], None]] = []

    def start(self) -> None:
        """Start to connect in the background. Do nothing if the connection was already started."""
        if self._task is None:
            self._task = asyncio.create_task(self._connect(), name="broker")

    @property
    def is_connected(self) -> bool:
        """Whether the connection is established. The health check reads this property."""
        return self._client.is_connected

    async def connected(self) -> Client:
        """Wait until the connection is established, and return the client."""
        self.start()
        while not self._client.is_connected:
            self._connected.clear()
            await self._connected.wait()
        return self._client

    def on_disconnect(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback` whenever the connection is lost. Returns a function that removes the callback."""
        self._disconnect_callbacks.append(callback)
        return lambda: self._disconnect_callbacks.remove(callback)

    async def close(self) -> None:
        """Send buffered messages and close the connection."""
        self._closing = True
        if self._task is not None:
            await end(self._task)
        if self._client.is_connected:
            with suppress(NatsError, TimeoutError, OSError):
                await self._client.flush(timeout=2)
        if self._started:
            await self._client.close()

    async def _connect(self) -> None:
        while True:
            self._started = True
            try:
                await self._client.connect(
                    self._servers,
                    **self._identity.options(),
                    max_reconnect_attempts=-1,
                    reconnect_time_wait=_RETRY_SECONDS,  # type: ignore[arg-type]  # fractions of a second work too
                    ping_interval=_PING_SECONDS,
                    max_outstanding_pings=2,
                    error_cb=self._on_error,
                    disconnected_cb=self._on_disconnected,
                    reconnected_cb=self._on_connected,
                    closed_cb=self._on_closed,
                )
            except (NatsError, OSError, TimeoutError) as error:
                await self._on_error(error)
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                await self._on_connected()
                return

    async def _on_connected(self) -> None:
        self._log_limiter.reset()
        _log.info("broker_connected")
        self._connected.set()

    async def _on_disconnected(self) -> None:
        if not self._client.is_closed:
            _log.warning("broker_connection_lost")
        for callback in list(self._disconnect_callbacks):
            callback()

    async def _on_closed(self) -> None:
        """Connect with a new client, because the current client was closed, for example due to refused credentials."""
        if self._closing:
            return
        self._client = self._identity.client()
        await asyncio.sleep(_RETRY_SECONDS)
        self._task = asyncio.create_task(self._connect(), name="broker")

    async def _on_error(self, error: Exception) -> None:
        if _PERMISSION in str(error).lower():
            # NATS refused only one subject, and the connection stays usable.
            _log.error("broker_permission_denied", error=str(error))
        elif self._log_limiter.should_log():
            _log.warning("broker_unreachable", error=repr(error))
