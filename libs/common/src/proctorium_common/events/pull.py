"""Pulls messages from a durable consumer, one by one as they arrive, never more than the subscriber has room for.

The client library's `fetch` waits until a batch is full or its time is over, which is a delay on every event; so the
pull request of the JetStream protocol is made here
(https://docs.nats.io/reference/reference-protocols/nats_api_reference).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import NotJSMessageError

from proctorium_common.telemetry.logs import get_logger

_log = get_logger()

_NEXT = "$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}"
_EXPIRES = 30.0
_HEARTBEAT = 5.0
_SILENCE = 2.5 * _HEARTBEAT
_NANOSECONDS = 1_000_000_000

_STATUS, _DESCRIPTION, _PENDING = "Status", "Description", "Nats-Pending-Messages"
_HEARTBEAT_STATUS = "100"
_ENDED = frozenset({"404", "408"})


class ConsumerLostError(Exception):
    """The consumer does not answer any more: it was removed, the broker went away, or the connection did."""


class Pull:
    """One consumer's messages. `take` receives each; `room` returns how many more may be in hand now."""

    def __init__(
        self,
        client: Client,
        stream: str,
        consumer: str,
        *,
        capacity: int,
        room: Callable[[], int],
        take: Callable[[Msg], None],
    ) -> None:
        self._client = client
        self._consumer = (stream, consumer)
        self._subject = _NEXT.format(stream=stream, consumer=consumer)
        self._capacity = capacity
        self._room = room
        self._take = take
        self._asked = 0
        self._lost = ""
        self._changed = asyncio.Event()
        self._heard = 0.0
        self._stopping = False

    def wake(self) -> None:
        """Note that there is more room than before."""
        self._changed.set()

    def stop(self) -> None:
        """End `run` without an error."""
        self._stopping = True
        self._changed.set()

    def lose(self, why: str) -> None:
        """End `run` with ConsumerLostError."""
        self._lost = self._lost or why
        self._changed.set()

    async def run(self) -> None:
        """Pull until `stop`. Raises ConsumerLostError."""
        inbox = self._client.new_inbox()
        subscription = await self._client.subscribe(inbox, cb=self._on_message)
        self._heard = asyncio.get_running_loop().time()
        try:
            while not self._stopping:
                await self._ask(inbox)
                await self._wait()
        finally:
            if not self._client.is_closed:
                await subscription.unsubscribe()

    async def _ask(self, inbox: str) -> None:
        """Ask for as many as there is room for, in large portions while there are still some to come."""
        wanted = self._room() - self._asked
        if wanted <= 0 or (self._asked > 0 and wanted < self._capacity // 2):
            return
        request = {
            "batch": wanted,
            "expires": int(_EXPIRES * _NANOSECONDS),
            "idle_heartbeat": int(_HEARTBEAT * _NANOSECONDS),
        }
        self._asked += wanted
        await self._client.publish(self._subject, json.dumps(request).encode(), inbox)

    async def _wait(self) -> None:
        """Wait until something changed; a request without even heartbeats means that the consumer is lost."""
        loop = asyncio.get_running_loop()
        silent_at = self._heard + _SILENCE if self._asked > 0 else None
        try:
            async with asyncio.timeout_at(silent_at):
                await self._changed.wait()
        except TimeoutError:
            if self._heard + _SILENCE <= loop.time():
                raise ConsumerLostError("it is silent") from None
        self._changed.clear()
        if self._asked == 0:
            # Nothing was asked for, so nobody owed us a sign.
            self._heard = loop.time()
        if self._lost:
            raise ConsumerLostError(self._lost)

    async def _on_message(self, message: Msg) -> None:
        self._heard = asyncio.get_running_loop().time()
        status = (message.headers or {}).get(_STATUS)
        if status is None:
            if not self._is_ours(message):
                # Somebody guessed the name of our inbox; there is nothing to acknowledge.
                _log.error("message_refused", subject=message.subject, reply=message.reply)
                return
            self._asked = max(0, self._asked - 1)
            self._take(message)
            self._changed.set()
        elif status in _ENDED:
            pending = (message.headers or {}).get(_PENDING)
            self._asked = max(0, self._asked - int(pending)) if pending else 0
            self._changed.set()
        elif status != _HEARTBEAT_STATUS:
            self.lose(f"{status} {(message.headers or {}).get(_DESCRIPTION, '')}".strip())

    def _is_ours(self, message: Msg) -> bool:
        """Return whether our consumer delivered it: only the server can write the subject for its acknowledgement."""
        try:
            metadata = message.metadata
        except (NotJSMessageError, ValueError):
            return False
        return (metadata.stream, metadata.consumer) == self._consumer
