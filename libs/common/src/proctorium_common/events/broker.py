"""The connection to NATS: it connects in the background and reconnects until it is closed."""

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
_REMIND_SECONDS = 30.0
_PERMISSION = "permissions violation"


class Reminder:
    """Says the same thing at once and then only now and then, so that waiting is seen and does not fill the log."""

    def __init__(self, every: float = _REMIND_SECONDS) -> None:
        self._every = every
        self._next = 0.0

    def due(self) -> bool:
        """Return whether to log it now."""
        now = asyncio.get_running_loop().time()
        if now < self._next:
            return False
        self._next = now + self._every
        return True

    def reset(self) -> None:
        """Note that the condition is over, so that the next one is logged at once."""
        self._next = 0.0


class Broker:
    """One connection to NATS for the whole process. A broker that is away delays events and nothing else."""

    def __init__(self, url: str, identity: BrokerIdentity) -> None:
        """Connect to `url`, which may name several servers, separated by commas, as `identity`."""
        self._servers = url.split(",")
        self._identity = identity
        self._client = self._identity.client()
        self._up = asyncio.Event()
        self._reminder = Reminder()
        self._task: asyncio.Task[None] | None = None
        self._started = False
        self._closing = False
        self._lost: list[Callable[[], None]] = []

    def start(self) -> None:
        """Start to connect; return at once."""
        if self._task is None:
            self._task = asyncio.create_task(self._connect(), name="broker")

    @property
    def is_connected(self) -> bool:
        """Whether the connection is up now; what health reports."""
        return self._client.is_connected

    async def connected(self) -> Client:
        """Return the client, once the connection is up."""
        self.start()
        while not self._client.is_connected:
            self._up.clear()
            await self._up.wait()
        return self._client

    def on_lost(self, tell: Callable[[], None]) -> Callable[[], None]:
        """Call `tell` whenever the connection was lost; calling the result ends that."""
        self._lost.append(tell)
        return lambda: self._lost.remove(tell)

    async def close(self) -> None:
        """Send what waits to be sent, and end the connection."""
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
                    reconnect_time_wait=_RETRY_SECONDS,  # type: ignore[arg-type]  # any number of seconds will do
                    ping_interval=_PING_SECONDS,
                    max_outstanding_pings=2,
                    error_cb=self._on_error,
                    disconnected_cb=self._on_lost,
                    reconnected_cb=self._on_up,
                    closed_cb=self._on_closed,
                )
            except (NatsError, OSError, TimeoutError) as error:
                await self._on_error(error)
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                await self._on_up()
                return

    async def _on_up(self) -> None:
        self._reminder.reset()
        _log.info("broker_connected")
        self._up.set()

    async def _on_lost(self) -> None:
        if not self._client.is_closed:
            _log.warning("broker_connection_lost")
        for tell in list(self._lost):
            tell()

    async def _on_closed(self) -> None:
        """Connect again with a new client after this one gave up, for example on refused credentials."""
        if self._closing:
            return
        self._client = self._identity.client()
        await asyncio.sleep(_RETRY_SECONDS)
        self._task = asyncio.create_task(self._connect(), name="broker")

    async def _on_error(self, error: Exception) -> None:
        if _PERMISSION in str(error).lower():
            # The connection goes on: one subject is not ours by the server's configuration.
            _log.error("broker_permission_denied", error=str(error))
        elif self._reminder.due():
            _log.warning("broker_unreachable", error=repr(error))
